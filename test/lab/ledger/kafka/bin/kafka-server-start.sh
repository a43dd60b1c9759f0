#!/bin/sh
# kafka-server-start.sh PROPERTIES: a small heap and quick start unless asked otherwise; a lab has many of these.
export KAFKA_HEAP_OPTS="${KAFKA_HEAP_OPTS:--Xms128m -Xmx256m}"
exec /opt/kafka/bin/kafka-run-class.sh -Dorg.slf4j.simpleLogger.defaultLogLevel=warn kafka.Kafka "$@"
