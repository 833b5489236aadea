"""Pictures of every format that the server knows, written by Pillow and pillow-heif.

`write(folder)` gives each file with the size that a reader which is not ours says it has.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pillow_heif
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()

SIZES = [(1, 1), (2, 3), (7, 5), (16, 16), (61, 97), (64, 48), (255, 257), (300, 1), (513, 40)]
FORMATS = {
    "AVIF": "avif",
    "BMP": "bmp",
    "GIF": "gif",
    "HEIF": "heic",
    "ICO": "ico",
    "JPEG": "jpg",
    "MPO": "jpg",
    "PNG": "png",
    "TIFF": "tiff",
    "WEBP": "webp",
}
ORIENTATION = 0x112


@dataclass(frozen=True)
class Facts:
    """What is said of a file; nothing where it is no picture, or its size is not known."""

    format: str | None
    width: int | None
    height: int | None


def independent(path: Path) -> Facts:
    """What Pillow and pillow-heif say of a file, in the terms of the server's documentation."""
    with Image.open(path) as image:
        size = image.size
        if image.format == "AVIF":
            # Pillow has the file's own turn as an orientation, which a viewer applies.
            size = ImageOps.exif_transpose(image).size
        elif image.format == "TIFF":
            # Pillow applies the orientation; the server says the coded size.
            size = (image.tag_v2[256], image.tag_v2[257])
        return Facts(FORMATS.get(image.format), *size)


@dataclass
class Writer:
    """Writes pictures of one format into a folder."""

    folder: Path
    kind: str
    paths: list[Path] = field(default_factory=list)

    def save(self, image: Image.Image, **options) -> None:
        path = self.folder / f"{len(self.paths):03}.{self.kind}"
        image.save(path, **options)
        self.paths.append(path)


def write(folder: Path, kind: str) -> list[Path]:
    """Writes the pictures of one kind, such as `jpg`."""
    writer = Writer(folder, kind)
    WRITERS[kind](writer)
    return writer.paths


def sample(mode: str, size: tuple[int, int]) -> Image.Image:
    """A picture with something in it."""
    channels = [Image.linear_gradient("L").resize(size), Image.radial_gradient("L").resize(size)]
    image = Image.merge("RGB", [channels[0], channels[1], channels[0].rotate(180)])
    if mode.startswith("I"):
        return channels[0].convert("I").convert(mode)
    if mode in ("LA", "RGBA"):
        image = image.convert(mode[:-1])
        image.putalpha(channels[1])
        return image
    return image.convert(mode)


def each(*modes: str) -> Iterator[Image.Image]:
    return (sample(mode, size) for mode in modes for size in SIZES)


def oriented() -> Iterator[Image.Exif]:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        yield exif


def animation(size: tuple[int, int]) -> dict:
    return {"save_all": True, "append_images": [sample("RGB", size).rotate(180)], "duration": 50}


def jpg(writer: Writer) -> None:
    for image in each("L", "RGB", "CMYK"):
        writer.save(image, quality=30)
        writer.save(image, quality=30, progressive=True)
    photo = sample("RGB", (61, 97))
    for exif in oriented():
        writer.save(photo, exif=exif)
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        writer.save(photo, subsampling=subsampling, restart_marker_rows=1)
    # Profiles and comments that push the frame behind what a reader of a prefix keeps.
    for length in (1000, 100_000, 700_000, 2_000_000):
        writer.save(photo, icc_profile=bytes(length))
    writer.save(photo, comment=b"\xff\xc0\x00\x0b" * 1000)


def png(writer: Writer) -> None:
    for image in each("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        writer.save(image)
    for exif in oriented():
        writer.save(sample("RGB", (61, 97)), exif=exif)
    writer.save(sample("RGB", (64, 48)), **animation((64, 48)))


def gif(writer: Writer) -> None:
    for image in each("1", "L", "P"):
        writer.save(image)
    for size in SIZES:
        writer.save(sample("RGB", size), loop=0, comment=b"x" * 900, **animation(size))


def bmp(writer: Writer) -> None:
    for image in each("1", "L", "P", "RGB", "RGBA"):
        writer.save(image)


def webp(writer: Writer) -> None:
    for image in each("RGB", "RGBA"):
        writer.save(image, quality=20)
        writer.save(image, lossless=True)
    for exif in oriented():
        writer.save(sample("RGB", (61, 97)), exif=exif, icc_profile=bytes(300_000))
    writer.save(sample("RGB", (64, 48)), **animation((64, 48)))


def tif(writer: Writer) -> None:
    for image in each("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16"):
        writer.save(image)
    photo = sample("RGB", (300, 200))
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        writer.save(photo, compression=compression)
        writer.save(photo, compression=compression, big_tiff=True)
    writer.save(photo.convert("1"), compression="group4")
    for exif in oriented():
        writer.save(photo, exif=exif)
    writer.save(photo, save_all=True, append_images=[sample("RGB", (30, 20))])
    # The pixels come before the directory.
    writer.save(sample("RGB", (700, 500)), compression="tiff_lzw")


def ico(writer: Writer) -> None:
    large = sample("RGBA", (512, 512))
    for sizes in ([16], [16, 32, 48], [48, 32, 16], [256], [256, 16], [255]):
        for bitmap_format in ("png", "bmp"):
            square = [(side, side) for side in sizes]
            writer.save(large, sizes=square, bitmap_format=bitmap_format)


def heic(writer: Writer) -> None:
    # Sides that the codec cannot have are cut by an aperture.
    for image in each("RGB", "RGBA"):
        writer.save(image, quality=30)
    photo = sample("RGB", (61, 97))
    for exif in oriented():
        writer.save(photo, exif=exif)
    for index in range(3):
        others = [sample("RGB", (200, 100)), sample("RGB", (33, 44))]
        writer.save(photo, save_all=True, append_images=others, primary_index=index)
    writer.save(sample("RGB", (300, 200)), icc_profile=bytes(300_000))


def avif(writer: Writer) -> None:
    for size in [(16, 16), (61, 97), (64, 48), (255, 257)]:
        for mode in ("RGB", "RGBA"):
            writer.save(sample(mode, size), quality=30, speed=10)
    for exif in oriented():
        writer.save(sample("RGB", (61, 97)), exif=exif, speed=10)
    writer.save(sample("RGB", (64, 48)), speed=10, **animation((64, 48)))


WRITERS = {
    writer.__name__: writer for writer in (avif, bmp, gif, heic, ico, jpg, png, tif, webp)
}
