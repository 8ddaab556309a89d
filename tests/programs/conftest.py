"""The programs are no modules: `import torch` leads nowhere until Rushlight answers it."""

collect_ignore = ["scripts"]
