// SPDX-License-Identifier: GPL-2.0-or-later

// Command segmentio is segmentio/kafka-go in the Kafka client matrix.
package main

import (
	"context"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"redtap.test/kafka-matrix/load"
)

var codecs = map[string]kafka.Compression{
	"none":   0,
	"gzip":   kafka.Gzip,
	"snappy": kafka.Snappy,
	"lz4":    kafka.Lz4,
	"zstd":   kafka.Zstd,
}

var acks = map[string]kafka.RequiredAcks{
	"all": kafka.RequireAll, "1": kafka.RequireOne, "0": kafka.RequireNone,
}

func produce(bootstrap string, c load.Case) int {
	var mu sync.Mutex
	done := 0
	writer := &kafka.Writer{
		Addr:         kafka.TCP(bootstrap),
		Topic:        c.Topic,
		Balancer:     kafka.CRC32Balancer{},
		RequiredAcks: acks[c.Acks],
		Compression:  codecs[c.Codec],
		BatchTimeout: 10 * time.Millisecond,
		Completion: func(m []kafka.Message, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done += len(m)
			}
		},
	}
	var messages []kafka.Message
	for _, r := range load.Records(c.N) {
		m := kafka.Message{Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		messages = append(messages, m)
	}
	load.Must(writer.WriteMessages(context.Background(), messages...))
	load.Must(writer.Close())
	return done
}

func consume(bootstrap string, r *load.Reading) {
	isolation := kafka.ReadUncommitted
	if r.Isolation == "committed" {
		isolation = kafka.ReadCommitted
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers:        []string{bootstrap},
		GroupID:        r.Group,
		GroupTopics:    r.Topics,
		StartOffset:    kafka.FirstOffset,
		IsolationLevel: isolation,
		MaxBytes:       10_000_000,
		MaxWait:        200 * time.Millisecond,
	})
	var last []kafka.Message
	for !r.Over() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		m, err := reader.FetchMessage(ctx)
		cancel()
		if err == nil {
			r.Add(m.Topic, 1)
			last = append(last, m)
		}
	}
	load.Must(reader.CommitMessages(context.Background(), last...))
	load.Must(reader.Close())
}

func main() {
	load.Main("github.com/segmentio/kafka-go", produce, consume)
}
