import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.*;
import org.apache.hadoop.io.SequenceFile.CompressionType;
import org.apache.hadoop.io.compress.DefaultCodec;

/**
 * "write DIR RECORDS" writes a file for each way to compress and each pair of classes. "read FILE..." prints
 * the records of files. "split PARTS FILE..." prints how many records each part of a file has when it is cut
 * evenly, by the rule of SequenceFileRecordReader.
 */
public final class Sequence {
  private static final Configuration conf = new Configuration();

  public static void main(String[] args) throws Exception {
    conf.setInt("io.seqfile.compress.blocksize", 10_000);
    switch (args[0]) {
      case "write":
        for (CompressionType type : CompressionType.values()) {
          write(args[1], type, Integer.parseInt(args[2]));
        }
        break;
      case "read":
        for (int i = 1; i < args.length; i++) {
          read(new Path(args[i]));
        }
        break;
      case "split":
        for (int i = 2; i < args.length; i++) {
          split(new Path(args[i]), Integer.parseInt(args[1]));
        }
        break;
    }
    System.out.flush();
  }

  private static void write(String dir, CompressionType type, int records) throws IOException {
    Writable[][] kinds = {
      {new Text(), new LongWritable()},
      {NullWritable.get(), new BytesWritable()},
      {new IntWritable(), new Text()},
      {new DoubleWritable(), new FloatWritable()},
      {new BytesWritable(), new BooleanWritable()},
    };
    for (Writable[] kv : kinds) {
      Path path = new Path(dir, type + "-" + kv[0].getClass().getSimpleName() + "-" + kv[1].getClass().getSimpleName());
      try (SequenceFile.Writer w = SequenceFile.createWriter(conf, SequenceFile.Writer.file(path),
          SequenceFile.Writer.keyClass(kv[0].getClass()), SequenceFile.Writer.valueClass(kv[1].getClass()),
          SequenceFile.Writer.compression(type, new DefaultCodec()))) {
        for (int i = 0; i < records; i++) {
          set(kv[0], i);
          set(kv[1], i);
          w.append(kv[0], kv[1]);
        }
      }
    }
  }

  private static void set(Writable w, int i) {
    String text = "grün " + "x".repeat(i % 300) + i;
    if (w instanceof Text) ((Text) w).set(text);
    if (w instanceof BytesWritable) {
      byte[] b = text.getBytes(StandardCharsets.UTF_8);
      ((BytesWritable) w).set(b, 0, b.length);
    }
    if (w instanceof IntWritable) ((IntWritable) w).set(-i);
    if (w instanceof LongWritable) ((LongWritable) w).set(-i * 10_000_000_000L);
    if (w instanceof FloatWritable) ((FloatWritable) w).set(i / 2f);
    if (w instanceof DoubleWritable) ((DoubleWritable) w).set(i / 4d);
    if (w instanceof BooleanWritable) ((BooleanWritable) w).set(i % 3 == 0);
  }

  private static void read(Path path) throws Exception {
    try (SequenceFile.Reader r = new SequenceFile.Reader(conf, SequenceFile.Reader.file(path))) {
      Writable key = make(r.getKeyClass());
      Writable value = make(r.getValueClass());
      while (r.next(key, value)) {
        System.out.write((key + "\t" + value + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  private static void split(Path path, int parts) throws Exception {
    long size = path.getFileSystem(conf).getFileStatus(path).getLen();
    StringBuilder counts = new StringBuilder();
    for (int i = 0; i < parts; i++) {
      counts.append(i > 0 ? " " : "").append(count(path, size * i / parts, size * (i + 1) / parts));
    }
    System.out.println(counts);
  }

  private static int count(Path path, long start, long end) throws Exception {
    try (SequenceFile.Reader r = new SequenceFile.Reader(conf, SequenceFile.Reader.file(path))) {
      if (start > r.getPosition()) {
        r.sync(start);
      }
      boolean more = r.getPosition() < end;
      Writable key = make(r.getKeyClass());
      Writable value = make(r.getValueClass());
      int n = 0;
      while (more) {
        long at = r.getPosition();
        more = r.next(key) && !(at >= end && r.syncSeen());
        if (more) {
          r.getCurrentValue(value); // until then the position is within the block
          n++;
        }
      }
      return n;
    }
  }

  private static Writable make(Class<?> c) throws Exception {
    return c == NullWritable.class ? NullWritable.get() : (Writable) c.getDeclaredConstructor().newInstance();
  }
}
