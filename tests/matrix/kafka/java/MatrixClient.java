// SPDX-License-Identifier: GPL-2.0-or-later
// The Java client in the Kafka client matrix; its command line is in ../README.md.

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

public final class MatrixClient {
	private static final int BIG_BYTES = 500_000;
	private static final long GIVE_UP_NS = 30_000_000_000L;
	private static final long LINGER_NS = 500_000_000L;

	private static byte[] value(int i, int n) {
		if (i == n / 2) {
			byte[] big = new byte[BIG_BYTES];
			new Random(i).nextBytes(big);
			return big;
		}
		if (i % 5 != 4 && i % 13 == 0)
			return null;
		return (i % 11 == 0 ? "" : "value-" + i + "-" + "x".repeat(i % 200))
			.getBytes(StandardCharsets.UTF_8);
	}

	private static ProducerRecord<byte[], byte[]> record(String topic, int i, int n) {
		byte[] key = i % 5 == 4 ? null : ("key-" + i % 17).getBytes(StandardCharsets.UTF_8);
		ProducerRecord<byte[], byte[]> r = new ProducerRecord<>(topic, key, value(i, n));
		if (i % 3 == 0)
			r.headers().add(new RecordHeader("n", Integer.toString(i).getBytes(StandardCharsets.UTF_8)));
		if (i % 6 == 0)
			r.headers().add(new RecordHeader("empty", null));
		return r;
	}

	private static int send(KafkaProducer<byte[], byte[]> producer, String topic, int n) {
		AtomicInteger done = new AtomicInteger();
		for (int i = 0; i < n; i++)
			producer.send(record(topic, i, n), (meta, e) -> {
				if (e == null)
					done.incrementAndGet();
				else
					System.err.println(topic + ": " + e);
			});
		producer.flush();
		return done.get();
	}

	private static int transactions(KafkaProducer<byte[], byte[]> producer, String topic, int n) {
		producer.initTransactions();
		producer.beginTransaction();
		int done = send(producer, topic, n / 2);
		producer.commitTransaction();
		producer.beginTransaction();
		done += send(producer, topic, n / 4);
		producer.abortTransaction();
		producer.beginTransaction();
		done += send(producer, topic, n / 2);
		producer.commitTransaction();
		return done;
	}

	private static void produce(String bootstrap, List<String> cases, Map<String, Integer> counts) {
		for (String text : cases) {
			String[] c = text.split(":");
			Properties p = new Properties();
			p.put("bootstrap.servers", bootstrap);
			p.put("key.serializer", ByteArraySerializer.class);
			p.put("value.serializer", ByteArraySerializer.class);
			p.put("acks", c[1]);
			p.put("compression.type", c[2]);
			p.put("enable.idempotence", !c[3].equals("plain"));
			if (c[3].equals("txn"))
				p.put("transactional.id", c[0]);
			int n = Integer.parseInt(c[4]);
			try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(p)) {
				counts.put(c[0], c[3].equals("txn") ? transactions(producer, c[0], n)
								  : send(producer, c[0], n));
			}
		}
	}

	private static void consume(String bootstrap, String[] how, List<String> topics,
				    Map<String, Integer> counts) {
		int wanted = 0;
		List<String> names = new ArrayList<>();
		for (String t : topics) {
			names.add(t.substring(0, t.indexOf('=')));
			wanted += Integer.parseInt(t.substring(t.indexOf('=') + 1));
		}
		Properties p = new Properties();
		p.put("bootstrap.servers", bootstrap);
		p.put("key.deserializer", ByteArrayDeserializer.class);
		p.put("value.deserializer", ByteArrayDeserializer.class);
		p.put("group.id", how[0]);
		p.put("group.protocol", how[1]);
		p.put("isolation.level", "read_" + how[2]);
		p.put("auto.offset.reset", "earliest");
		p.put("enable.auto.commit", false);
		int got = 0;
		try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(p)) {
			consumer.subscribe(names);
			long now = System.nanoTime(), giveUp = now + GIVE_UP_NS, end = giveUp;
			while (now < end) {
				for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(100))) {
					counts.merge(r.topic(), 1, Integer::sum);
					got++;
				}
				now = System.nanoTime();
				if (got >= wanted && end == giveUp)
					end = now + LINGER_NS;
			}
			consumer.commitSync();
		}
	}

	public static void main(String[] args) throws Exception {
		List<String> rest = List.of(args);
		Map<String, Integer> counts = new TreeMap<>();
		if (args[0].equals("produce"))
			produce(args[1], rest.subList(2, rest.size()), counts);
		else
			consume(args[1], args[2].split(":"), rest.subList(3, rest.size()), counts);
		System.out.println(new ObjectMapper().writeValueAsString(
			Map.of("version", AppInfoParser.getVersion(), "topics", counts)));
	}
}
