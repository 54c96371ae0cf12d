"""Media server 音视频服务器: JT/T 1078 streams of terminals in, pictures for browsers out."""
