// SPDX-License-Identifier: GPL-2.0-or-later
// The broker's books for the Kafka client matrix. One line of JSON for every line of the standard
// input:
//   create PARTITIONS TOPIC...  make topics
//   log TOPIC...                {topic: {records, aborted, control, bytes}} of the log files
//   lag GROUP                   {topic/partition: end offset - committed offset}
//   requests                    {api: number answered}
// Arguments: bootstrap server, the broker's data directory, its pid.

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.tools.attach.VirtualMachine;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.FileLogInputStream.FileChannelRecordBatch;
import org.apache.kafka.common.record.FileRecords;

public final class Ledger {
	private final Admin admin;
	private final String data;
	private final MBeanServerConnection broker;

	private Ledger(String bootstrap, String data, String pid) throws Exception {
		this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
		this.data = data;
		VirtualMachine vm = VirtualMachine.attach(pid);
		this.broker = JMXConnectorFactory.connect(new JMXServiceURL(vm.startLocalManagementAgent()))
				      .getMBeanServerConnection();
		vm.detach();
	}

	private Object create(short partitions, List<String> topics) throws Exception {
		List<NewTopic> wanted = new ArrayList<>();
		for (String t : topics)
			wanted.add(new NewTopic(t, partitions, (short) 1));
		admin.createTopics(wanted).all().get();
		return topics.size();
	}

	/** One partition's file: what a transaction holds is aborted or not once its marker is read. */
	private static void add(File file, Map<String, Long> sum) throws Exception {
		Map<Long, Long> open = new HashMap<>();
		try (FileRecords log = FileRecords.open(file, false)) {
			for (FileChannelRecordBatch b : log.batches()) {
				long n = b.countOrNull();
				if (b.isControlBatch()) {
					sum.merge("control", n, Long::sum);
					long held = open.getOrDefault(b.producerId(), 0L);
					open.remove(b.producerId());
					if (ControlRecordType.parse(b.iterator().next().key()) == ControlRecordType.ABORT)
						sum.merge("aborted", held, Long::sum);
					continue;
				}
				sum.merge("records", n, Long::sum);
				sum.merge("bytes", (long) b.sizeInBytes(), Long::sum);
				if (b.isTransactional())
					open.merge(b.producerId(), n, Long::sum);
			}
		}
	}

	private Object log(List<String> topics) throws Exception {
		Map<String, Map<String, Long>> all = new TreeMap<>();
		for (String t : topics) {
			Map<String, Long> sum = new TreeMap<>(
				Map.of("records", 0L, "aborted", 0L, "control", 0L, "bytes", 0L));
			for (File dir : new File(data).listFiles((d, name) -> name.matches(t + "-[0-9]+")))
				for (File file : dir.listFiles((d, name) -> name.endsWith(".log")))
					add(file, sum);
			all.put(t, sum);
		}
		return all;
	}

	private Map<TopicPartition, Long> ends(List<TopicPartition> partitions) throws Exception {
		Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
		for (TopicPartition tp : partitions)
			asked.put(tp, OffsetSpec.latest());
		Map<TopicPartition, Long> ends = new HashMap<>();
		for (Map.Entry<TopicPartition, ListOffsetsResultInfo> e :
		     admin.listOffsets(asked).all().get().entrySet())
			ends.put(e.getKey(), e.getValue().offset());
		return ends;
	}

	private Object lag(String group) throws Exception {
		Map<TopicPartition, OffsetAndMetadata> committed =
			admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
		Map<String, Long> lags = new TreeMap<>();
		ends(new ArrayList<>(committed.keySet()))
			.forEach((tp, end) -> lags.put(tp.topic() + "/" + tp.partition(),
						       end - committed.get(tp).offset()));
		return lags;
	}

	/** FetchConsumer and FetchFollower are counted in Fetch too; Verification is not in its API. */
	private Object requests() throws Exception {
		Map<String, Long> counts = new TreeMap<>();
		for (ObjectName n : broker.queryNames(
			     new ObjectName("kafka.network:type=RequestMetrics,name=RequestsPerSec,*"), null)) {
			String api = n.getKeyProperty("request").replaceFirst("Verification$", "");
			if (!api.matches("Fetch(Consumer|Follower)"))
				counts.merge(api, (Long) broker.getAttribute(n, "Count"), Long::sum);
		}
		return counts;
	}

	private Object answer(List<String> words) throws Exception {
		List<String> rest = words.subList(1, words.size());
		return switch (words.get(0)) {
		case "create" -> create(Short.parseShort(rest.get(0)), rest.subList(1, rest.size()));
		case "log" -> log(rest);
		case "lag" -> lag(rest.get(0));
		case "requests" -> requests();
		default -> throw new IllegalArgumentException(words.get(0));
		};
	}

	public static void main(String[] args) throws Exception {
		Ledger ledger = new Ledger(args[0], args[1], args[2]);
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		for (String line; (line = in.readLine()) != null;)
			System.out.println(
				new ObjectMapper().writeValueAsString(ledger.answer(List.of(line.split(" ")))));
		System.exit(0);
	}
}
