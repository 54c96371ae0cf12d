"""Pan, tilt and zoom 云台控制 (JT/T 1078 appendix A). Focus, aperture and zoom go one step a message."""

from __future__ import annotations

from luwei.protocol.fields import BYTE
from luwei.protocol.message import Message, Record, field

LARGER = {0: "调大", 1: "调小"}
OFF_ON = {0: "停止", 1: "启动"}


class _Channel(Record):
    channel: int = field(BYTE, "逻辑通道号", "Logical channel")


class Rotate(_Channel, Message, id=0x9301, zh="云台旋转", en="PTZ rotate", clause="Appendix A", source="JT/T 1078"):
    direction: int = field(BYTE, "方向", "Direction", values={0: "停止", 1: "上", 2: "下", 3: "左", 4: "右"})
    speed: int = field(BYTE, "速度", "Speed", note="0-255")


class Focus(_Channel, Message, id=0x9302, zh="云台调整焦距控制", en="Focus", clause="Appendix A", source="JT/T 1078"):
    value: int = field(BYTE, "焦距调整方向", "Focal length", values=LARGER)


class Aperture(
    _Channel, Message, id=0x9303, zh="云台调整光圈控制", en="Aperture", clause="Appendix A", source="JT/T 1078"
):
    value: int = field(BYTE, "光圈调整方式", "Aperture", values=LARGER)


class Wiper(_Channel, Message, id=0x9304, zh="云台雨刷控制", en="Wiper", clause="Appendix A", source="JT/T 1078"):
    value: int = field(BYTE, "启停标识", "Wiper", values=OFF_ON)


class InfraredLight(
    _Channel, Message, id=0x9305, zh="红外补光控制", en="Infrared", clause="Appendix A", source="JT/T 1078"
):
    value: int = field(BYTE, "启停标识", "Light", values=OFF_ON)


class Zoom(_Channel, Message, id=0x9306, zh="云台变倍控制", en="Zoom", clause="Appendix A", source="JT/T 1078"):
    value: int = field(BYTE, "变倍控制", "Zoom", values=LARGER)
