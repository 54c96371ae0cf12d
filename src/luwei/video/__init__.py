"""Video 视频 in the core: which terminal streams where, who may look, and what it costs."""
