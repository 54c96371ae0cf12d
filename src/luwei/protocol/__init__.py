"""The wire protocols as data: decoding, encoding, explaining and documenting from one declaration a message.

Nothing here holds a socket, reads a clock or imports another part of Luwei; functions take bytes and return values.
"""
