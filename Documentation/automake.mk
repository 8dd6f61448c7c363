EXTRA_DIST += $(documentation)
documentation = 
