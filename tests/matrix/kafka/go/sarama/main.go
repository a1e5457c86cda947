// SPDX-License-Identifier: GPL-2.0-or-later

// Command sarama is IBM/sarama in the Kafka client matrix.
package main

import (
	"context"

	"github.com/IBM/sarama"

	"redtap.test/kafka-matrix/load"
)

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

var acks = map[string]sarama.RequiredAcks{
	"all": sarama.WaitForAll, "1": sarama.WaitForLocal, "0": sarama.NoResponse,
}

// send waits until everything is answered.
func send(producer sarama.AsyncProducer, topic string, n int) int {
	records := load.Records(n)
	go func() {
		for _, r := range records {
			m := &sarama.ProducerMessage{Topic: topic}
			if r.Key != nil {
				m.Key = sarama.ByteEncoder(r.Key)
			}
			if r.Value != nil {
				m.Value = sarama.ByteEncoder(r.Value)
			}
			for _, h := range r.Headers {
				m.Headers = append(m.Headers,
					sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
			}
			producer.Input() <- m
		}
	}()
	done := 0
	for range records {
		select {
		case <-producer.Successes():
			done++
		case <-producer.Errors():
		}
	}
	return done
}

func transaction(producer sarama.AsyncProducer, topic string, n int, end func() error) int {
	load.Must(producer.BeginTxn())
	done := send(producer, topic, n)
	load.Must(end())
	return done
}

func produce(bootstrap string, c load.Case) int {
	config := sarama.NewConfig()
	config.Producer.RequiredAcks = acks[c.Acks]
	config.Producer.Compression = codecs[c.Codec]
	config.Producer.Return.Successes = true
	if c.Mode != "plain" {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
	}
	if c.Mode == "txn" {
		config.Producer.Transaction.ID = c.Topic
	}
	producer, err := sarama.NewAsyncProducer([]string{bootstrap}, config)
	load.Must(err)
	defer func() { load.Must(producer.Close()) }()
	if c.Mode == "txn" {
		return transaction(producer, c.Topic, c.N/2, producer.CommitTxn) +
			transaction(producer, c.Topic, c.N/4, producer.AbortTxn) +
			transaction(producer, c.Topic, c.N/2, producer.CommitTxn)
	}
	return send(producer, c.Topic, c.N)
}

type handler struct {
	reading *load.Reading
}

func (handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h handler) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for m := range c.Messages() {
		h.reading.Add(m.Topic, 1)
		s.MarkMessage(m, "")
	}
	return nil
}

func consume(bootstrap string, r *load.Reading) {
	config := sarama.NewConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if r.Isolation == "committed" {
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	group, err := sarama.NewConsumerGroup([]string{bootstrap}, r.Group, config)
	load.Must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- group.Consume(ctx, r.Topics, handler{r}) }()
	r.Wait()
	cancel()
	load.Must(<-ended)
	load.Must(group.Close())
}

func main() {
	load.Main("github.com/IBM/sarama", produce, consume)
}
