"""Small pictures and what Pillow and transformers make of them, for tests/data/picture-*.test.ts.

    pip install torch torchvision 'pillow<13' transformers && python scripts/goldens/pictures.py   # writes tests/fixtures/pictures/

`golden.json` holds, for every file, its pixels as RGB (upright, transparency over white: transformers' convert_to_rgb),
and for some processors the tensor of transformers' Pillow backend, float32 in base64. How far transformers' other
backend (torchvision) is from that is noted beside it. Pillow 13 resizes columns first where a picture shrinks mostly in
height; torchvision and every Pillow before it resize rows first, as do these numbers.
"""
import base64
import json
import pathlib
import struct
import warnings
import zlib

import numpy as np
import PIL
import transformers
from PIL import Image, ImageCms, ImageOps
from transformers.image_transforms import convert_to_rgb
from transformers.models.bit import BitImageProcessor, BitImageProcessorPil
from transformers.models.clip import CLIPImageProcessor, CLIPImageProcessorPil
from transformers.models.deit import DeiTImageProcessor, DeiTImageProcessorPil
from transformers.models.vit import ViTImageProcessor, ViTImageProcessorPil

warnings.simplefilter("ignore")
folder = pathlib.Path("tests/fixtures/pictures")
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(3)


def drawn(width, height):
    """Waves, an edge and a little noise, so that every kind of wrong filter shows."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 100 * np.sin(x / (2 + c) + y / (5 - c)) for c in range(3)]
    picture = np.stack(planes, -1) + rng.normal(0, 12, (height, width, 3))
    picture[height // 3 : height // 2, width // 4 : width // 2] = [250, 10, 128]
    return np.clip(picture, 0, 255).astype(np.uint8)


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data


rgb = Image.fromarray(drawn(37, 23))
tall = Image.fromarray(drawn(19, 41))
grey = rgb.convert("L")
alpha = Image.fromarray((np.mgrid[0:23, 0:37][1] * 7 % 256).astype(np.uint8))
with_alpha = rgb.copy()
with_alpha.putalpha(alpha)
grey_alpha = grey.copy()
grey_alpha.putalpha(alpha)
palette = rgb.quantize(16)

rgb.save(folder / "rgb.png")
tall.save(folder / "tall.png")
grey.save(folder / "grey.png")
with_alpha.save(folder / "rgba.png")
grey_alpha.save(folder / "grey-alpha.png")
palette.save(folder / "palette.png")
palette.save(folder / "palette-clear.png", transparency=3)
grey.point(lambda v: 255 * (v > 128)).convert("1").save(folder / "bits.png")
rgb.save(folder / "colours-420.jpg", quality=85)
tall.save(folder / "tall-444.jpeg", quality=92, subsampling=0)
rgb.save(folder / "progressive.jpg", quality=80, progressive=True)
grey.save(folder / "grey.jpg", quality=85)
for orientation in (2, 3, 5, 6, 8):
    rgb.save(folder / f"turned-{orientation}.jpg", quality=85, exif=exif(orientation))
rgb.save(folder / "turned-6.png", exif=exif(6))
rgb.save(folder / "lossy.webp", quality=80)
with_alpha.save(folder / "alpha.webp", lossless=True)
# a profile in which red and green have changed places, so that it shows when one is applied; Pillow applies none
swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
for old, new in ((b"rXYZ", b"????"), (b"gXYZ", b"rXYZ"), (b"????", b"gXYZ")):
    swapped = swapped.replace(old, new)
rgb.save(folder / "profile.png", icc_profile=swapped)
rgb.save(folder / "profile.jpg", icc_profile=swapped, quality=85)

# 16 bits a channel, which Pillow reads but does not write: rows of big-endian numbers, whose low bytes are cut off
deep = np.stack([drawn(11, 7), rng.integers(0, 256, (7, 11, 3)).astype(np.uint8)], -1).reshape(7, -1)
chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
rows = b"".join(b"\0" + row.tobytes() for row in deep)
header = struct.pack(">IIBBBBB", 11, 7, 16, 2, 0, 0, 0)
png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
(folder / "deep.png").write_bytes(png)

encoded = lambda array: base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
golden = {
    "made_with": {"pillow": PIL.__version__, "transformers": transformers.__version__, "numpy": np.__version__},
    "files": {},
    "processors": [],
}
upright = {}
for path in sorted(folder.iterdir()):
    if path.suffix == ".json":
        continue
    pixels = convert_to_rgb(ImageOps.exif_transpose(Image.open(path)), return_numpy=True)
    upright[path.name] = pixels
    golden["files"][path.name] = {"width": pixels.shape[1], "height": pixels.shape[0], "rgb": encoded(pixels)}

imagenet = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
ViT, DeiT = (ViTImageProcessor, ViTImageProcessorPil), (DeiTImageProcessor, DeiTImageProcessorPil)
CLIP, Bit = (CLIPImageProcessor, CLIPImageProcessorPil), (BitImageProcessor, BitImageProcessorPil)
cases = [
    ("rgb.png", ViT, {"size": {"height": 16, "width": 16}}),
    ("tall.png", ViT, {"size": {"height": 24, "width": 20}, "resample": 3, **imagenet}),
    ("rgb.png", ViT, {"size": {"height": 30, "width": 40}, "resample": 2}),
    ("rgb.png", ViT, {"size": {"height": 23, "width": 12}, "resample": 3, "do_normalize": False}),
    ("rgb.png", ViT, {"size": {"height": 9, "width": 11}, "resample": 1, "do_rescale": False, "do_normalize": False}),
    ("tall.png", ViT, {"size": {"height": 12, "width": 7}, "do_rescale": False, "image_mean": [120.0, 110.0, 100.0], "image_std": [60.0, 61.0, 62.0]}),
    ("rgba.png", DeiT, {"size": {"height": 20, "width": 20}, "crop_size": {"height": 14, "width": 15}}),
    ("turned-6.jpg", CLIP, {"size": {"shortest_edge": 15}, "crop_size": {"height": 12, "width": 12}}),
    ("tall.png", CLIP, {"size": {"shortest_edge": 13}, "crop_size": {"height": 16, "width": 9}}),
    ("grey.png", Bit, {"size": {"shortest_edge": 18}, "crop_size": {"height": 16, "width": 16}, **imagenet}),
    ("lossy.webp", Bit, {"size": {"shortest_edge": 40}, "crop_size": {"height": 28, "width": 28}, **imagenet}),
    ("rgb.png", Bit, {"do_resize": False, "crop_size": {"height": 26, "width": 30}, "rescale_factor": 1 / 128}),
]
for file, (fast, pil), config in cases:
    picture = Image.fromarray(upright[file])
    tensor = np.asarray(pil(**config)(picture)["pixel_values"][0], np.float32)
    other = np.asarray(fast(**config)(picture)["pixel_values"][0], np.float32)
    far = float(np.abs(tensor - other).max()) if tensor.shape == other.shape else None
    full = {k: v for k, v in json.loads(pil(**config).to_json_string()).items()}
    golden["processors"].append(
        {"file": file, "config": full, "shape": list(tensor.shape), "pixels": encoded(tensor), "torchvision_differs_by": far}
    )
(folder / "golden.json").write_text(json.dumps(golden))
