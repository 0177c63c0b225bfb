"""placeholder"""


def measure() -> dict[str, object]:
    return {}
