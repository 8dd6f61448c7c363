# Unit tests (cmocka).
if HAVE_CMOCKA
endif

include tests/system.mk
