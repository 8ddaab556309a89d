"""Data loading, beside `torch.utils.data`: the same programs for both."""
