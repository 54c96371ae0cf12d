"""Map data of Guangdong: boundaries, places and the road graph, with their formats in README.md beside this file."""

from luwei.geo.areas import City, County, areas, path
from luwei.geo.credit import ATTRIBUTION
from luwei.geo.roads import RoadGraph, road_graph

__all__ = ["ATTRIBUTION", "City", "County", "RoadGraph", "areas", "path", "road_graph"]
