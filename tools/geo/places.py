"""Places of Guangdong: its cities, counties and a few towns, and what lies just beyond.

A city or county stands where OpenStreetMap has its town, else at the label point of the Tianditu set.
"""

from __future__ import annotations

from typing import Any

COUNTIES_EN = {
    int(adcode): name
    for adcode, name in (
        line.split(" ", 1)
        for line in """
440103 Liwan
440104 Yuexiu
440105 Haizhu
440106 Tianhe
440111 Baiyun
440112 Huangpu
440113 Panyu
440114 Huadu
440115 Nansha
440117 Conghua
440118 Zengcheng
440203 Wujiang
440204 Zhenjiang
440205 Qujiang
440222 Shixing
440224 Renhua
440229 Wengyuan
440232 Ruyuan
440233 Xinfeng
440281 Lechang
440282 Nanxiong
440303 Luohu
440304 Futian
440305 Nanshan
440306 Bao'an
440307 Longgang
440308 Yantian
440309 Longhua
440310 Pingshan
440311 Guangming
440402 Xiangzhou
440403 Doumen
440404 Jinwan
440507 Longhu
440511 Jinping
440512 Haojiang
440513 Chaoyang
440514 Chaonan
440515 Chenghai
440523 Nan'ao
440604 Chancheng
440605 Nanhai
440606 Shunde
440607 Sanshui
440608 Gaoming
440703 Pengjiang
440704 Jianghai
440705 Xinhui
440781 Taishan
440783 Kaiping
440784 Heshan
440785 Enping
440802 Chikan
440803 Xiashan
440804 Potou
440811 Mazhang
440823 Suixi
440825 Xuwen
440881 Lianjiang
440882 Leizhou
440883 Wuchuan
440902 Maonan
440904 Dianbai
440981 Gaozhou
440982 Huazhou
440983 Xinyi
441202 Duanzhou
441203 Dinghu
441204 Gaoyao
441223 Guangning
441224 Huaiji
441225 Fengkai
441226 Deqing
441284 Sihui
441302 Huicheng
441303 Huiyang
441322 Boluo
441323 Huidong
441324 Longmen
441402 Meijiang
441403 Meixian
441422 Dabu
441423 Fengshun
441424 Wuhua
441426 Pingyuan
441427 Jiaoling
441481 Xingning
441502 Chengqu
441521 Haifeng
441523 Luhe
441581 Lufeng
441602 Yuancheng
441621 Zijin
441622 Longchuan
441623 Lianping
441624 Heping
441625 Dongyuan
441702 Jiangcheng
441704 Yangdong
441721 Yangxi
441781 Yangchun
441802 Qingcheng
441803 Qingxin
441821 Fogang
441823 Yangshan
441825 Lianshan
441826 Liannan
441881 Yingde
441882 Lianzhou
441900 Dongguan
442000 Zhongshan
445102 Xiangqiao
445103 Chao'an
445122 Raoping
445202 Rongcheng
445203 Jiedong
445222 Jiexi
445224 Huilai
445281 Puning
445302 Yuncheng
445303 Yun'an
445321 Xinxing
445322 Yunan
445381 Luoding
""".strip().splitlines()
    )
}
"""Hanyu Pinyin of the county-level names; the sources give English names for a few only."""

CENTRES = {442000: (113.3926, 22.5159), 445200: (116.3725, 23.5500)}
"""City centres that the source lacks or puts beside the town."""

BEYOND = {
    "梧州市": ("梧州", "Wuzhou"),
    "海口市": ("海口", "Haikou"),
    "香港": ("香港", "Hong Kong"),
    "澳門": ("澳门", "Macao"),
    "龙南市": ("龙南", "Longnan"),
    "寻乌县": ("寻乌", "Xunwu"),
    "上杭县": ("上杭", "Shanghang"),
}
"""Places outside the province that are drawn, with the names used on the map."""


def _point(lon: float, lat: float, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Point", "coordinates": [round(lon, 4), round(lat, 4)]},
    }


def build(source: dict[str, Any], cities: dict[str, dict[str, Any]], counties: list[dict[str, Any]]) -> dict[str, Any]:
    """GeoJSON points, the most important first.

    ``source``: gd_places.geojson; ``cities``: adcode to properties of gd_cities.geojson; ``counties``: properties of
    the county features of the boundaries.
    """
    found: dict[str, tuple[float, float]] = {}
    ranks: dict[str, int] = {}
    for feature in source["features"]:
        properties = feature["properties"]
        if properties["class"] in ("city", "town"):
            found.setdefault(properties["name"], tuple(feature["geometry"]["coordinates"]))
            ranks.setdefault(properties["name"], properties["rank"])
    features = []
    for adcode, city in cities.items():
        lon, lat = CENTRES.get(int(adcode)) or found.get(city["name"]) or city["label"]
        rank = min(ranks.get(city["name"], 7), 7)
        names = {"name": city["short"], "name_en": city["name_en"]}
        features.append(_point(lon, lat, kind="city", rank=rank, adcode=int(adcode), **names))
    for county in counties:
        if county["adcode"] == county["city"]:
            continue  # Dongguan and Zhongshan have no counties; they stand as cities already
        lon, lat = found.get(county["name"], county["label"])
        if max(abs(lon - county["label"][0]), abs(lat - county["label"][1])) > 0.3:
            lon, lat = county["label"]  # another province's county of the same name
        rank = 10 if county["name"].endswith(("市", "县")) else 11
        names = {"name": county["name"], "name_en": county["name_en"]}
        features.append(
            _point(lon, lat, kind="county", rank=rank, adcode=county["adcode"], city=county["city"], **names)
        )
    for name, (zh, en) in BEYOND.items():
        features.append(_point(*found[name], kind="beyond", rank=max(ranks[name], 5), name=zh, name_en=en))
    for feature in source["features"]:
        properties = feature["properties"]
        if properties["class"] == "town":
            lon, lat = feature["geometry"]["coordinates"]
            names = {"name": properties["name"], "name_en": properties["name_en"]}
            features.append(_point(lon, lat, kind="town", rank=13, **names))
    features.sort(key=lambda f: (f["properties"]["rank"], f["properties"].get("adcode", 0)))
    return {"type": "FeatureCollection", "credit": "© OpenStreetMap contributors; 天地图", "features": features}
