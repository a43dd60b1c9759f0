#!/bin/sh
# kafka-run-class.sh [JVM FLAG...] CLASS ARGUMENT...
# shellcheck disable=SC2086 # the variables hold several flags
exec java ${KAFKA_HEAP_OPTS:--Xmx128m} ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseSerialGC -XX:TieredStopAtLevel=1} \
  ${KAFKA_OPTS:-} -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp '/opt/kafka/libs/*' "$@"
