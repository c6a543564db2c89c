// PageRank on GraphX: Rank INPUT OUTPUT ITERATIONS THREADS.
//
// GraphX's own PageRank starts every vertex at 1 and leaves out the mass of dangling
// vertices, so that the updates are written here with the same two operators that it
// uses, aggregateMessages and a join. float64, Jacobi, dangling mass spread evenly.

import org.apache.spark.graphx.{Edge, Graph, TripletFields}
import org.apache.spark.sql.SparkSession
import org.apache.spark.storage.StorageLevel

object Rank {
  def main(args: Array[String]): Unit = {
    val Array(input, output, times, threads) = args
    val parts = threads.toInt
    val spark = SparkSession.builder.appName("rank").master(s"local[$parts]").getOrCreate()
    val sc = spark.sparkContext
    sc.setLogLevel("ERROR")

    val start = System.nanoTime
    val edges = sc.textFile(input, parts).map { line =>
      val space = line.indexOf(' ')
      Edge(line.substring(0, space).toLong, line.substring(space + 1).toLong, 0)
    }
    val loaded = Graph.fromEdges(edges, 0, StorageLevel.MEMORY_ONLY, StorageLevel.MEMORY_ONLY).cache()
    val n = loaded.vertices.count().toDouble
    loaded.edges.count()
    val begun = System.nanoTime

    // A vertex is its rank and the number of its edges.
    var ranks = loaded.outerJoinVertices(loaded.outDegrees) { (_, _, d) => (1 / n, d.getOrElse(0)) }.cache()
    for (_ <- 0 until times.toInt) {
      val dangling = ranks.vertices.filter(_._2._2 == 0).map(_._2._1).fold(0.0)(_ + _)
      val sums = ranks.aggregateMessages[Double](t => t.sendToDst(t.srcAttr._1 / t.srcAttr._2), _ + _, TripletFields.Src)
      val base = (0.15 + 0.85 * dangling) / n
      val before = ranks
      ranks = ranks.outerJoinVertices(sums) { (_, v, sum) => (base + 0.85 * sum.getOrElse(0.0), v._2) }.cache()
      ranks.edges.foreachPartition(_ => ()) // also the vertices that edges carry
      before.unpersistVertices()
      before.edges.unpersist()
    }
    ranks.vertices.count()
    val ranked = System.nanoTime

    ranks.vertices.map { case (id, (rank, _)) => s"$id\t$rank" }.saveAsTextFile(output)
    val written = System.nanoTime
    println(s"""{"load": ${(begun - start) / 1e9}, "compute": ${(ranked - begun) / 1e9}, "write": ${(written - ranked) / 1e9}}""")
    spark.stop()
  }
}
