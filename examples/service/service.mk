# Forecast and look once a day, with make: a step that was done is not repeated, one that failed is tried again at the next call.
#
#     make -f service.mk            # today
#
# The calls may come as often as you like, such as every ten minutes from 08:05 on: each day is forecast and looked at once.
HINDCAST ?= hindcast
DAY := $(shell date -u +%Y%m%d)
NOW := $(shell date -u +%Y-%m-%dT%H:%MZ)

.DELETE_ON_ERROR:
.PHONY: day
day: .service/$(DAY).looked

.service/$(DAY).looked: .service/$(DAY).forecast
	$(HINDCAST) monitor --as-of $(NOW) --fail-on worse
	touch $@

.service/$(DAY).forecast:
	mkdir -p .service
	$(HINDCAST) predict
	touch $@
