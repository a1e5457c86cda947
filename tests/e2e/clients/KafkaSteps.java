// SPDX-License-Identifier: GPL-2.0-or-later
// A Kafka client that does one step for each line of its standard input and answers with a line:
// what the tools of Kafka cannot be made to do at a given time. Arguments are properties.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class KafkaSteps {
	static final Properties props = new Properties();
	static KafkaConsumer<byte[], byte[]> consumer;
	static KafkaProducer<byte[], byte[]> producer;

	static KafkaConsumer<byte[], byte[]> consumer() {
		if (consumer == null)
			consumer = new KafkaConsumer<>(props, new ByteArrayDeserializer(),
						       new ByteArrayDeserializer());
		return consumer;
	}

	static KafkaProducer<byte[], byte[]> producer() {
		if (producer == null)
			producer = new KafkaProducer<>(props, new ByteArraySerializer(),
						       new ByteArraySerializer());
		return producer;
	}

	static TopicPartition partition(String s) {
		int colon = s.lastIndexOf(':');

		return new TopicPartition(s.substring(0, colon),
					  Integer.parseInt(s.substring(colon + 1)));
	}

	/* Polls until there were so many records, or for so many milliseconds. */
	static int poll(int wanted, long millis) {
		long end = System.currentTimeMillis() + millis;
		int n = 0;

		while (n < wanted && System.currentTimeMillis() < end)
			n += consumer().poll(Duration.ofMillis(100)).count();
		return n;
	}

	static int send(String where, int n, int size) throws Exception {
		List<Future<?>> sent = new ArrayList<>();
		int failed = 0;

		for (int i = 0; i < n; i++)
			sent.add(producer().send(where.indexOf(':') < 0
				? new ProducerRecord<>(where, new byte[size])
				: new ProducerRecord<>(partition(where).topic(),
						       partition(where).partition(), null,
						       new byte[size])));
		producer().flush();
		for (Future<?> f : sent) {
			try {
				f.get();
			} catch (java.util.concurrent.ExecutionException e) {
				failed++;
			}
		}
		return n - failed;
	}

	static Map<TopicPartition, OffsetAndMetadata> positions() {
		Map<TopicPartition, OffsetAndMetadata> all = new HashMap<>();

		for (TopicPartition p : consumer().assignment())
			all.put(p, new OffsetAndMetadata(consumer().position(p)));
		return all;
	}

	static Object step(String[] w) throws Exception {
		switch (w[0]) {
		case "subscribe": consumer().subscribe(Arrays.asList(w).subList(1, w.length)); return "";
		case "assign":
			consumer().assign(Arrays.stream(w).skip(1).map(KafkaSteps::partition).toList());
			return "";
		case "seek": consumer().seek(partition(w[1]), Long.parseLong(w[2])); return "";
		case "begin-of": consumer().seekToBeginning(consumer().assignment()); return "";
		case "poll": return poll(Integer.parseInt(w[1]), Long.parseLong(w[2]));
		case "commit": consumer().commitSync(); return "";
		case "commit-at":
			consumer().commitSync(Map.of(partition(w[1]),
						     new OffsetAndMetadata(Long.parseLong(w[2]))));
			return "";
		case "send": return send(w[1], Integer.parseInt(w[2]), Integer.parseInt(w[3]));
		case "txn-init": producer().initTransactions(); return "";
		case "txn-begin": producer().beginTransaction(); return "";
		case "txn-offsets":
			producer().sendOffsetsToTransaction(positions(), consumer().groupMetadata());
			return "";
		case "txn-commit": producer().commitTransaction(); return "";
		case "txn-abort": producer().abortTransaction(); return "";
		case "close":
			if (consumer != null)
				consumer.close();
			if (producer != null)
				producer.close();
			return "";
		case "die": Runtime.getRuntime().halt(0); return "";
		default: throw new IllegalArgumentException(w[0]);
		}
	}

	public static void main(String[] args) throws Exception {
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		String line;

		for (String a : args)
			props.setProperty(a.substring(0, a.indexOf('=')),
					  a.substring(a.indexOf('=') + 1));
		while ((line = in.readLine()) != null) {
			try {
				System.out.println("ok " + step(line.trim().split(" +")));
			} catch (Exception e) {
				System.out.println("failed " + e);
			}
			System.out.flush();
		}
	}
}
