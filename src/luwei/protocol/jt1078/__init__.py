"""The media stream of JT/T 1078: packets, frames, video and audio, from bytes to what a muxer needs, and back."""
