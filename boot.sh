#!/bin/sh
# Creates ./configure from the sources.  Needs autoconf and automake.
exec autoreconf --install --force
