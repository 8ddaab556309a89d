"""Networks for images by torchvision's names; their `state_dict` keys are torchvision's too."""

from rushlight.vision.models import densenet, inception, mobilenetv2, resnet, squeezenet, vgg
from rushlight.vision.models.alexnet import AlexNet, alexnet
from rushlight.vision.models.densenet import (
    DenseNet,
    densenet121,
    densenet161,
    densenet169,
    densenet201,
)
from rushlight.vision.models.googlenet import GoogLeNet, GoogLeNetOutputs, googlenet
from rushlight.vision.models.inception import Inception3, InceptionOutputs, inception_v3
from rushlight.vision.models.mobilenetv2 import MobileNetV2, mobilenet_v2
from rushlight.vision.models.resnet import (
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50_32x4d,
    resnext101_32x8d,
    resnext101_64x4d,
    wide_resnet50_2,
    wide_resnet101_2,
)
from rushlight.vision.models.squeezenet import SqueezeNet, squeezenet1_0, squeezenet1_1
from rushlight.vision.models.vgg import (
    VGG,
    vgg11,
    vgg11_bn,
    vgg13,
    vgg13_bn,
    vgg16,
    vgg16_bn,
    vgg19,
    vgg19_bn,
)
from rushlight.vision.models.vision_transformer import (
    VisionTransformer,
    vit_b_16,
    vit_b_32,
    vit_h_14,
    vit_l_16,
    vit_l_32,
)
