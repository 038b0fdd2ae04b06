"""While the worker's image is built: is this the torch that was asked for?"""

import sys

import torch


def main(device: str) -> None:
    with_cuda = torch.version.cuda is not None
    print(f"torch {torch.__version__}, {'with' if with_cuda else 'without'} CUDA")
    if device == "cuda" and not with_cuda:
        sys.exit(
            "DEVICE=cuda, but the package index gave a torch without CUDA: "
            "name an index that has it with --build-arg PIP_EXTRA_INDEX_URL."
        )


if __name__ == "__main__":
    main(sys.argv[1])
