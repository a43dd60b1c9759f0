#!/bin/sh
# The broker's own heap and agent settings are not for a short-lived tool beside it.
unset KAFKA_HEAP_OPTS KAFKA_OPTS
exec /opt/kafka/bin/kafka-run-class.sh org.apache.kafka.tools.TopicCommand "$@"
