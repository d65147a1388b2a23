package lab;

import java.io.File;
import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.server.datanode.DataNode;
import org.apache.hadoop.hdfs.server.namenode.NameNode;
import org.apache.hadoop.metrics2.lib.DefaultMetricsSystem;

/**
 * Runs one HDFS daemon: "namenode conf.xml" or "datanode conf.xml". It ends when its standard input
 * does, so that nothing outlives the program that started it.
 */
public final class Node {
  private Node() {}

  public static void main(String[] args) {
    Thread watch = new Thread(Node::untilInputEnds, "input");
    watch.setDaemon(true);
    watch.start();
    try {
      run(args);
    } catch (Throwable t) {
      t.printStackTrace();
      System.exit(1); // threads started before the failure would keep the process up
    }
  }

  private static void untilInputEnds() {
    try {
      while (System.in.read() >= 0) {}
    } catch (IOException e) {
      // An input that breaks has ended.
    }
    Runtime.getRuntime().halt(0);
  }

  private static void run(String[] args) throws Exception {
    if (args.length != 2) {
      System.err.println("usage: lab.Node namenode|datanode conf.xml");
      System.exit(2);
    }
    Configuration conf = new HdfsConfiguration();
    conf.addResource(new Path(new File(args[1]).getAbsoluteFile().toURI()));

    switch (args[0]) {
      case "namenode":
        // Formatting here saves a second JVM start.
        File name = new File(conf.get("lab.name.dir"));
        if (!new File(name, "current/VERSION").exists()) {
          DefaultMetricsSystem.setMiniClusterMode(true); // else the second namesystem's metrics clash
          NameNode.format(conf);
        }
        NameNode nn = NameNode.createNameNode(new String[0], conf);
        nn.join();
        break;
      case "datanode":
        DataNode dn = DataNode.createDataNode(new String[0], conf);
        while (dn.isDatanodeUp()) {
          Thread.sleep(500);
        }
        System.exit(1);
        break;
      default:
        throw new IllegalArgumentException(args[0]);
    }
  }
}
