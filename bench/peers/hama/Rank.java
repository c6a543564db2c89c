import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringTokenizer;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.io.DoubleWritable;
import org.apache.hadoop.io.LongWritable;
import org.apache.hadoop.io.NullWritable;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.io.Writable;
import org.apache.hama.HamaConfiguration;
import org.apache.hama.bsp.BSPPeer;
import org.apache.hama.bsp.Combiner;
import org.apache.hama.bsp.HashPartitioner;
import org.apache.hama.bsp.TextInputFormat;
import org.apache.hama.bsp.TextOutputFormat;
import org.apache.hama.graph.Edge;
import org.apache.hama.graph.GraphJob;
import org.apache.hama.graph.GraphJobMessage;
import org.apache.hama.graph.SumAggregator;
import org.apache.hama.graph.Vertex;
import org.apache.hama.graph.VertexInputReader;
import org.apache.hama.graph.VertexOutputWriter;

/**
 * PageRank on Hama, in one process: Rank INPUT OUTPUT ITERATIONS TASKS.
 *
 * <p>float64, Jacobi, dangling mass spread evenly. Hama fails on a message to a vertex that no
 * line begins with, so the edge list becomes a file of "id neighbour neighbour …" lines first,
 * one file a task; that is not part of the load.
 */
public class Rank {
  static volatile long begun;
  static volatile long ended;

  /** Reads a line. */
  public static class Reader extends VertexInputReader<LongWritable, Text, LongWritable, NullWritable, DoubleWritable> {
    @Override
    public boolean parseVertex(
        LongWritable key, Text line, Vertex<LongWritable, NullWritable, DoubleWritable> vertex) {
      StringTokenizer fields = new StringTokenizer(line.toString(), " ");
      vertex.setVertexID(new LongWritable(Long.parseLong(fields.nextToken())));
      while (fields.hasMoreTokens()) {
        vertex.addEdge(new Edge<>(new LongWritable(Long.parseLong(fields.nextToken())), null));
      }
      return true;
    }
  }

  /** Writes a line. */
  public static class Writer implements VertexOutputWriter<Text, DoubleWritable, LongWritable, NullWritable, DoubleWritable> {
    @Override
    public void setup(Configuration conf) {
      ended = System.nanoTime();
    }

    @Override
    public void write(
        Vertex<LongWritable, NullWritable, DoubleWritable> v,
        BSPPeer<Writable, Writable, Text, DoubleWritable, GraphJobMessage> peer)
        throws IOException {
      peer.write(new Text(v.getVertexID().toString()), v.getValue());
    }
  }

  /** Adds up messages to one vertex. */
  public static class Sum extends Combiner<DoubleWritable> {
    @Override
    public DoubleWritable combine(Iterable<DoubleWritable> messages) {
      double sum = 0;
      for (DoubleWritable m : messages) {
        sum += m.get();
      }
      return new DoubleWritable(sum);
    }
  }

  /** The vertex program. */
  public static class Ranks extends Vertex<LongWritable, NullWritable, DoubleWritable> {
    @Override
    public void compute(Iterable<DoubleWritable> messages) throws IOException {
      if (begun == 0) {
        begun = System.nanoTime();
      }
      double n = getTotalNumVertices();
      long step = getSuperstepCount();
      double rank = 1 / n;
      if (step > 0) {
        double sum = 0;
        for (DoubleWritable m : messages) {
          sum += m.get();
        }
        DoubleWritable dangling = getAggregatedValue(0);
        rank = (0.15 + 0.85 * (dangling == null ? 0 : dangling.get())) / n + 0.85 * sum;
      }
      setValue(new DoubleWritable(rank));
      if (step == getConf().getInt("rank.iterations", 0)) {
        voteToHalt();
        return;
      }
      if (getEdges().isEmpty()) {
        aggregate(0, new DoubleWritable(rank));
      } else {
        sendMessageToNeighbors(new DoubleWritable(rank / getEdges().size()));
      }
    }
  }

  public static void main(String[] args) throws Exception {
    int tasks = Integer.parseInt(args[3]);
    Path scratch = Files.createTempDirectory("hama-rank-");
    long start;
    try {
      Path lines = adjacency(Path.of(args[0]), scratch.resolve("in"), tasks);
      start = System.nanoTime();
      if (!job(scratch, lines, args[1], Integer.parseInt(args[2]), tasks).waitForCompletion(false)) {
        throw new IOException("the job failed");
      }
    } finally {
      try (Stream<Path> all = Files.walk(scratch)) {
        all.sorted((a, b) -> b.compareTo(a)).forEach(p -> p.toFile().delete());
      }
    }
    long written = System.nanoTime();
    System.out.printf("{\"load\": %f, \"compute\": %f, \"write\": %f}%n",
        (begun - start) / 1e9, (ended - begun) / 1e9, (written - ended) / 1e9);
    System.exit(0); // threads of Hama stay
  }

  static GraphJob job(Path scratch, Path input, String output, int iterations, int tasks) throws IOException {
    HamaConfiguration conf = new HamaConfiguration();
    conf.set("bsp.master.address", "local");
    conf.set("fs.defaultFS", "file:///");
    conf.set("hadoop.tmp.dir", scratch.resolve("tmp").toString());
    conf.set("bsp.local.dir", scratch.resolve("local").toString());
    conf.setInt("bsp.local.tasks.maximum", tasks);
    conf.setInt("rank.iterations", iterations);
    GraphJob job = new GraphJob(conf, Rank.class);
    job.setJobName("rank");
    job.setNumBspTask(tasks);
    job.setMaxIteration(iterations + 1);
    job.setVertexClass(Ranks.class);
    job.setVertexIDClass(LongWritable.class);
    job.setVertexValueClass(DoubleWritable.class);
    job.setEdgeValueClass(NullWritable.class);
    job.setVertexInputReaderClass(Reader.class);
    job.setVertexOutputWriterClass(Writer.class);
    job.setAggregatorClass(SumAggregator.class);
    job.setCombinerClass(Sum.class);
    job.setPartitioner(HashPartitioner.class);
    job.setInputFormat(TextInputFormat.class);
    job.setInputKeyClass(LongWritable.class);
    job.setInputValueClass(Text.class);
    job.setOutputFormat(TextOutputFormat.class);
    job.setOutputKeyClass(Text.class);
    job.setOutputValueClass(DoubleWritable.class);
    job.setInputPath(new org.apache.hadoop.fs.Path(input.toUri()));
    job.setOutputPath(new org.apache.hadoop.fs.Path(Path.of(output).toAbsolutePath().toUri()));
    return job;
  }

  /** Writes the graph as adjacency lines, a file a task. */
  static Path adjacency(Path edges, Path folder, int tasks) throws IOException {
    Map<Long, List<String>> rows = new HashMap<>();
    try (BufferedReader in = Files.newBufferedReader(edges)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        int space = line.indexOf(' ');
        String dst = line.substring(space + 1);
        rows.computeIfAbsent(Long.parseLong(line, 0, space, 10), k -> new ArrayList<>()).add(dst);
        rows.computeIfAbsent(Long.parseLong(dst), k -> new ArrayList<>());
      }
    }
    Files.createDirectories(folder);
    List<Long> ids = new ArrayList<>(rows.keySet());
    for (int task = 0; task < tasks; task++) {
      try (BufferedWriter out = Files.newBufferedWriter(folder.resolve("part-" + task))) {
        for (int i = task; i < ids.size(); i += tasks) {
          out.write(ids.get(i).toString());
          for (String dst : rows.get(ids.get(i))) {
            out.write(' ');
            out.write(dst);
          }
          out.write('\n');
        }
      }
    }
    return folder;
  }
}
