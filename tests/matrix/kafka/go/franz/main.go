// SPDX-License-Identifier: GPL-2.0-or-later

// Command franz is franz-go in the Kafka client matrix.
package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"redtap.test/kafka-matrix/load"
)

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

var acks = map[string]kgo.Acks{"all": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck()}

func send(client *kgo.Client, topic string, n int) int {
	var done atomic.Int64
	for _, r := range load.Records(n) {
		record := &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		client.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
			if err == nil {
				done.Add(1)
			}
		})
	}
	load.Must(client.Flush(context.Background()))
	return int(done.Load())
}

func transaction(client *kgo.Client, topic string, n int, end kgo.TransactionEndTry) int {
	load.Must(client.BeginTransaction())
	done := send(client, topic, n)
	load.Must(client.EndTransaction(context.Background(), end))
	return done
}

func produce(bootstrap string, c load.Case) int {
	opts := []kgo.Opt{
		kgo.SeedBrokers(bootstrap),
		kgo.RequiredAcks(acks[c.Acks]),
		kgo.ProducerBatchCompression(codecs[c.Codec]),
	}
	switch c.Mode {
	case "plain":
		opts = append(opts, kgo.DisableIdempotentWrite())
	case "txn":
		opts = append(opts, kgo.TransactionalID(c.Topic))
	}
	client, err := kgo.NewClient(opts...)
	load.Must(err)
	defer client.Close()
	if c.Mode == "txn" {
		return transaction(client, c.Topic, c.N/2, kgo.TryCommit) +
			transaction(client, c.Topic, c.N/4, kgo.TryAbort) +
			transaction(client, c.Topic, c.N/2, kgo.TryCommit)
	}
	return send(client, c.Topic, c.N)
}

func consume(bootstrap string, r *load.Reading) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumerGroup(r.Group),
		kgo.ConsumeTopics(r.Topics...),
		kgo.DisableAutoCommit(),
	}
	if r.Protocol == "consumer" {
		opts = append(opts, kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.ServerSideBalancer())
	}
	if r.Isolation == "committed" {
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	client, err := kgo.NewClient(opts...)
	load.Must(err)
	for !r.Over() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		client.PollFetches(ctx).EachRecord(func(k *kgo.Record) { r.Add(k.Topic, 1) })
		cancel()
	}
	load.Must(client.CommitUncommittedOffsets(context.Background()))
	load.Must(client.LeaveGroupContext(context.Background()))
	client.Close()
}

func main() {
	load.Main("github.com/twmb/franz-go", produce, consume)
}
