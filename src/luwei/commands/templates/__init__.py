"""Parameter templates 参数模板: checked values (``values``), versions (``catalogue``), pushes (``engine``)."""
