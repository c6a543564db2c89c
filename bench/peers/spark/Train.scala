// Training by Spark's MLlib: Train WORK DATA, with WORK one of kmeans and logistic, and DATA what mldata/make.py has made.
// Options as of the others: --threads, --k, --iterations, --penalty; --fits: how often it is done, the best one counts
// (2: the first one is also Java's warming up). One line of JSON.
//
// kmeans    spark.mllib's KMeans, the one that begins with a model: the first k rows of start.csv
// logistic  spark.ml's LogisticRegression: L-BFGS, not standardised, so that it minimises the loss of the others

import org.apache.spark.ml.classification.LogisticRegression
import org.apache.spark.ml.linalg.{Vector => MLVector, Vectors => MLVectors}
import org.apache.spark.mllib.clustering.{KMeans, KMeansModel}
import org.apache.spark.mllib.linalg.Vectors
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.SparkSession

object Train {
  type Fields = Seq[(String, String)]

  def main(args: Array[String]): Unit = {
    val Array(work, data) = args.take(2)
    val given = args.drop(2).grouped(2).map { case Array(name, value) => name -> value }.toMap
    val own = if (work == "kmeans") "--k" else "--penalty"
    val unknown = given.keySet -- Set("--threads", "--iterations", "--fits", own)
    require(unknown.isEmpty, s"$work has no ${unknown.mkString(" ")}")
    def option(name: String, default: Int) = given.get("--" + name).map(_.toInt).getOrElse(default)
    val threads = option("threads", 1)
    val spark = SparkSession.builder.appName("train").master(s"local[$threads]").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    val fits = option("fits", 2)
    val out = work match {
      case "kmeans" => kmeans(spark, data, threads, option("k", 10), option("iterations", 20), fits)
      case "logistic" => logistic(spark, data, threads, option("iterations", 20), given.get("--penalty").map(_.toDouble).getOrElse(0.0), fits)
    }
    val about = Seq("peer" -> s""""Spark MLlib ${spark.version}"""", "work" -> s""""$work"""", "threads" -> s"$threads")
    println((about ++ out :+ ("peak_memory" -> s"$peak")).map { case (name, value) => s""""$name": $value""" }.mkString("{", ", ", "}"))
    spark.stop()
  }

  // The numbers of a CSV file in memory, and how long it took to read them.
  def read(spark: SparkSession, file: String, parts: Int): (RDD[Array[Double]], Double) = timed {
    val rows = spark.sparkContext.textFile(file, parts).map(_.split(',').map(_.toDouble)).cache()
    rows.count()
    rows
  }

  def kmeans(spark: SparkSession, data: String, parts: Int, k: Int, iterations: Int, fits: Int): Fields = {
    val (rows, load) = read(spark, s"$data/points.csv", parts)
    val points = rows.map(Vectors.dense).cache()
    points.count()
    val start = spark.sparkContext.textFile(s"$data/start.csv").map(line => Vectors.dense(line.split(',').map(_.toDouble))).take(k)
    val trainer = new KMeans().setK(k).setMaxIterations(iterations).setEpsilon(0).setInitialModel(new KMeansModel(start))
    val done = Seq.fill(fits)(timed(trainer.run(points)))
    val model = done.last._1
    val n = model.getClass.getMethod("numIter").invoke(model).asInstanceOf[Int]
    figures(done.map(_._2), n, load) ++ Seq("cost" -> s"${model.trainingCost}")
  }

  def logistic(spark: SparkSession, data: String, parts: Int, iterations: Int, penalty: Double, fits: Int): Fields = {
    import spark.implicits._
    val (rows, load) = read(spark, s"$data/rows.csv", parts)
    val table = rows.map(r => (r.last, MLVectors.dense(r.init): MLVector)).toDF("label", "features").cache()
    val n = table.count()
    val trainer = new LogisticRegression().setMaxIter(iterations).setRegParam(penalty).setTol(1e-12).setStandardization(false)
    val done = Seq.fill(fits)(timed(trainer.fit(table)))
    val summary = done.last._1.binarySummary
    val times = done.map(_._2)
    figures(times, summary.totalIterations, load) ++ Seq(
      "samples_per_second" -> s"${n * summary.totalIterations / times.min}", "loss" -> s"[${summary.objectiveHistory.last}]",
      "error" -> s"[${1 - summary.accuracy}]")
  }

  def figures(seconds: Seq[Double], n: Int, load: Double): Fields =
    Seq("seconds_per_iteration" -> s"${seconds.min / n}", "iterations" -> s"$n", "seconds" -> seconds.mkString("[", ", ", "]"), "load" -> s"$load")

  def timed[T](f: => T): (T, Double) = {
    val start = System.nanoTime
    val out = f
    (out, (System.nanoTime - start) / 1e9)
  }

  // The most memory that this process has had resident, in bytes.
  def peak: Long = {
    val status = scala.io.Source.fromFile("/proc/self/status")
    try status.getLines.find(_.startsWith("VmHWM")).get.filter(_.isDigit).toLong * 1024
    finally status.close()
  }
}
