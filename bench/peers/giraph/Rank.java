import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.apache.giraph.aggregators.DoubleSumAggregator;
import org.apache.giraph.combiner.DoubleSumMessageCombiner;
import org.apache.giraph.conf.GiraphConfiguration;
import org.apache.giraph.conf.GiraphConstants;
import org.apache.giraph.edge.LongNullArrayEdges;
import org.apache.giraph.graph.BasicComputation;
import org.apache.giraph.graph.Vertex;
import org.apache.giraph.io.EdgeReader;
import org.apache.giraph.io.formats.GiraphFileInputFormat;
import org.apache.giraph.io.formats.IdWithValueTextOutputFormat;
import org.apache.giraph.io.formats.TextEdgeInputFormat;
import org.apache.giraph.job.GiraphJob;
import org.apache.giraph.master.DefaultMasterCompute;
import org.apache.hadoop.io.DoubleWritable;
import org.apache.hadoop.io.LongWritable;
import org.apache.hadoop.io.NullWritable;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.mapreduce.InputSplit;
import org.apache.hadoop.mapreduce.TaskAttemptContext;
import org.apache.hadoop.mapreduce.lib.output.FileOutputFormat;

/**
 * PageRank on Giraph, in one process: Rank INPUT OUTPUT ITERATIONS THREADS.
 *
 * <p>float64, Jacobi, dangling mass spread evenly. Vertices without edges of their own are made
 * by the first message to them, and counted a superstep later: supersteps 0 and 1 see to that,
 * and are part of the load.
 */
public class Rank {
  static final String DANGLING = "dangling";
  static final int FIRST = 2; // superstep of the first ranks
  static int iterations;
  static volatile long begun;
  static volatile long ended;

  /** A line "src dst" an edge. */
  public static class Edges extends TextEdgeInputFormat<LongWritable, NullWritable> {
    @Override
    public EdgeReader<LongWritable, NullWritable> createEdgeReader(InputSplit split, TaskAttemptContext context)
        throws IOException {
      return new Reader();
    }

    /** Reads the lines of a split. */
    public class Reader extends TextEdgeReaderFromEachLineProcessed<long[]> {
      @Override
      protected long[] preprocessLine(Text line) {
        String s = line.toString();
        int space = s.indexOf(' ');
        return new long[] {Long.parseLong(s, 0, space, 10), Long.parseLong(s, space + 1, s.length(), 10)};
      }

      @Override
      protected LongWritable getSourceVertexId(long[] edge) {
        return new LongWritable(edge[0]);
      }

      @Override
      protected LongWritable getTargetVertexId(long[] edge) {
        return new LongWritable(edge[1]);
      }

      @Override
      protected NullWritable getValue(long[] edge) {
        return NullWritable.get();
      }
    }
  }

  /** Notes when ranking begins and ends. */
  public static class Master extends DefaultMasterCompute {
    @Override
    public void initialize() throws InstantiationException, IllegalAccessException {
      registerAggregator(DANGLING, DoubleSumAggregator.class);
    }

    @Override
    public void compute() {
      if (getSuperstep() == FIRST) {
        begun = System.nanoTime();
      } else if (getSuperstep() == FIRST + iterations + 1) {
        ended = System.nanoTime();
        haltComputation();
      }
    }
  }

  /** The vertex program. */
  public static class Ranks extends BasicComputation<LongWritable, DoubleWritable, NullWritable, DoubleWritable> {
    @Override
    public void compute(Vertex<LongWritable, DoubleWritable, NullWritable> v, Iterable<DoubleWritable> messages) {
      long step = getSuperstep();
      if (step < FIRST) {
        if (step == 0) {
          sendMessageToAllEdges(v, new DoubleWritable(0));
        }
        return;
      }
      double n = getTotalNumVertices();
      double rank = 1 / n;
      if (step > FIRST) {
        double sum = 0;
        for (DoubleWritable m : messages) {
          sum += m.get();
        }
        double dangling = ((DoubleWritable) getAggregatedValue(DANGLING)).get();
        rank = (0.15 + 0.85 * dangling) / n + 0.85 * sum;
      }
      v.setValue(new DoubleWritable(rank));
      if (step == FIRST + iterations) {
        return;
      }
      if (v.getNumEdges() > 0) {
        sendMessageToAllEdges(v, new DoubleWritable(rank / v.getNumEdges()));
      } else {
        aggregate(DANGLING, new DoubleWritable(rank));
      }
    }
  }

  public static void main(String[] args) throws Exception {
    long start = System.nanoTime();
    iterations = Integer.parseInt(args[2]);
    int threads = Integer.parseInt(args[3]);
    Path scratch = Files.createTempDirectory("giraph-rank-");
    try {
      GiraphConfiguration conf = configuration(scratch, threads);
      GiraphJob job = new GiraphJob(conf, "rank");
      GiraphFileInputFormat.setEdgeInputPath(job.getInternalJob().getConfiguration(), path(args[0]));
      FileOutputFormat.setOutputPath(job.getInternalJob(), path(args[1]));
      if (!job.run(false)) {
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
    System.exit(0); // threads of Netty and ZooKeeper stay
  }

  static org.apache.hadoop.fs.Path path(String name) {
    return new org.apache.hadoop.fs.Path(Path.of(name).toAbsolutePath().toUri());
  }

  static GiraphConfiguration configuration(Path scratch, int threads) {
    GiraphConfiguration conf = new GiraphConfiguration();
    conf.setComputationClass(Ranks.class);
    conf.setMasterComputeClass(Master.class);
    conf.setOutEdgesClass(LongNullArrayEdges.class);
    conf.setMessageCombinerClass(DoubleSumMessageCombiner.class);
    conf.setEdgeInputFormatClass(Edges.class);
    conf.setVertexOutputFormatClass(IdWithValueTextOutputFormat.class);
    conf.setWorkerConfiguration(1, 1, 100.0f);
    GiraphConstants.SPLIT_MASTER_WORKER.set(conf, false);
    GiraphConstants.LOCAL_TEST_MODE.set(conf, true);
    GiraphConstants.NUM_COMPUTE_THREADS.set(conf, threads);
    GiraphConstants.NUM_INPUT_THREADS.set(conf, threads);
    GiraphConstants.USER_PARTITION_COUNT.set(conf, 4 * threads);
    conf.set("mapreduce.framework.name", "local");
    conf.set("mapreduce.jobtracker.address", "local");
    conf.set("fs.defaultFS", "file:///");
    conf.set("giraph.logLevel", "error");
    // Seconds of waiting that a small job has in one process are not what is compared.
    conf.setInt("giraph.zkServerlistPollMsecs", 50);
    conf.setInt("mapreduce.client.completion.pollinterval", 50);
    conf.setInt("mapreduce.client.progressmonitor.pollinterval", 50);
    for (String key : new String[] {"hadoop.tmp.dir", "mapreduce.cluster.local.dir", "giraph.zkDir", "giraph.zkManagerDirectory"}) {
      conf.set(key, scratch.resolve(key).toString());
    }
    GiraphConstants.CHECKPOINT_DIRECTORY.set(conf, scratch.resolve("checkpoints").toString());
    return conf;
  }
}
