#pragma once

// Convolution shapes, each once.
//
// Those of YOLOP at 640x640 as they are run, with how often each occurs; 0: another way that is kept to compare. Focus and the first convolution are one, and so are a Resize and the 3x3 convolution behind it;
// 1x1 convolutions over a Concat with an upsampled part are two.

namespace octet::bench {

struct Layer {
    int kernel, stride, cin, cout, in_size, count;
    bool hardswish;
    bool upsampled = false;  // to twice in_size, before the convolution
    int groups = 1;
};

inline constexpr Layer yolop_layers[] = {
    {6, 2, 3, 32, 640, 1, true},        {3, 1, 256, 128, 80, 2, true},  {3, 1, 128, 128, 40, 5, true},
    {3, 1, 64, 64, 80, 4, true},        {3, 1, 64, 32, 160, 2, true},   {3, 1, 32, 16, 320, 0, true},
    {3, 1, 32, 16, 160, 2, true, true}, {3, 1, 32, 32, 160, 1, true},   {3, 1, 32, 32, 80, 2, true, true},
    {3, 1, 256, 256, 20, 2, true},      {3, 1, 8, 2, 640, 2, true},     {3, 1, 4, 4, 320, 2, true},
    {3, 2, 32, 64, 320, 1, true},       {3, 2, 64, 128, 160, 1, true},  {3, 2, 128, 256, 80, 1, true},
    {3, 2, 256, 512, 40, 1, true},      {3, 2, 128, 128, 80, 1, true},  {3, 2, 256, 256, 40, 1, true},
    {1, 1, 64, 64, 160, 3, true},       {1, 1, 256, 256, 40, 3, true},  {1, 1, 128, 128, 80, 2, true},
    {1, 1, 512, 256, 20, 4, true},      {1, 1, 512, 256, 20, 2, false}, {1, 1, 1024, 512, 20, 1, true},
    {1, 1, 512, 512, 20, 2, true},      {1, 1, 128, 32, 160, 2, true},  {1, 1, 128, 32, 160, 2, false},
    {1, 1, 256, 128, 40, 4, true},      {1, 1, 256, 128, 40, 3, false}, {1, 1, 128, 128, 40, 5, true},
    {1, 1, 128, 128, 40, 3, false},     {1, 1, 64, 64, 80, 4, true},    {1, 1, 64, 64, 80, 2, false},
    {1, 1, 512, 128, 40, 0, true},      {1, 1, 256, 128, 20, 2, false}, {1, 1, 256, 64, 80, 0, true},
    {1, 1, 128, 64, 40, 2, false},      {1, 1, 32, 32, 160, 3, true},   {1, 1, 32, 32, 160, 3, false},
    {1, 1, 64, 32, 160, 1, true},       {1, 1, 64, 32, 160, 1, false},  {1, 1, 128, 64, 80, 2, true},
    {1, 1, 128, 64, 80, 2, false},      {1, 1, 256, 256, 20, 2, true},  {1, 1, 256, 256, 20, 2, false},
    {1, 1, 128, 18, 80, 1, false},      {1, 1, 256, 18, 40, 1, false},  {1, 1, 512, 18, 20, 1, false},
    {1, 1, 16, 4, 320, 2, true},        {1, 1, 16, 4, 320, 2, false},   {1, 1, 8, 8, 320, 2, true},
    {1, 1, 4, 4, 320, 2, true},         {1, 1, 4, 4, 320, 2, false},
};

// Depthwise and grouped ones of MobileNetV2 and V3, EfficientNet-B0, ShuffleNetV2, RegNetX-400MF and ResNeXt-50.
inline constexpr Layer grouped_layers[] = {
    {3, 1, 32, 32, 112, 1, false, false, 32},   {3, 2, 96, 96, 112, 1, false, false, 96},
    {3, 1, 144, 144, 56, 1, false, false, 144}, {3, 1, 384, 384, 14, 1, false, false, 384},
    {3, 1, 960, 960, 7, 1, false, false, 960},  {5, 2, 144, 144, 56, 1, true, false, 144},
    {5, 1, 240, 240, 28, 1, true, false, 240},  {5, 1, 672, 672, 14, 1, true, false, 672},
    {3, 1, 58, 58, 28, 1, false, false, 58},    {7, 1, 96, 96, 56, 1, false, false, 96},
    {3, 1, 64, 64, 56, 1, false, false, 4},     {3, 1, 400, 400, 7, 1, false, false, 25},
    {3, 1, 128, 128, 56, 1, false, false, 32},
};

}  // namespace octet::bench
