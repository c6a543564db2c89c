"""Training by TensorFlow: train.py WORK DATA, with WORK one of mlp, lenet and softmax. One line of JSON.

The nets begin as PyTorch's do: weights and biases uniform within 1/sqrt(fan_in). An epoch is one tf.function, a loop over
the batches of a fresh permutation: less of Python than Model.fit.
"""

import json
import math
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import mnist
import options
import tensorflow as tf

keras = tf.keras


class Fan:
    """Makes layers that begin as PyTorch's, each with a seed of its own."""

    def __init__(self, seed):
        self.seed = 1000 * seed

    def uniform(self, fan_in):
        self.seed += 1
        bound = 1 / math.sqrt(fan_in)
        return keras.initializers.RandomUniform(-bound, bound, seed=self.seed)

    def dense(self, fan_in, units, activation=None):
        return keras.layers.Dense(units, activation=activation, kernel_initializer=self.uniform(fan_in), bias_initializer=self.uniform(fan_in))

    def conv(self, channels, filters, padding):
        fan_in = 25 * channels
        return keras.layers.Conv2D(filters, 5, padding=padding, activation="relu", kernel_initializer=self.uniform(fan_in), bias_initializer=self.uniform(fan_in))


def net(work, seed):
    """The net of a work, for rows of 784."""
    f, layers = Fan(seed), [keras.Input((784,))]
    if work == "softmax":
        layers += [f.dense(784, 10)]
    elif work == "mlp":
        layers += [f.dense(784, 256, "relu"), f.dense(256, 128, "relu"), f.dense(128, 10)]
    else:
        layers += [
            keras.layers.Reshape((28, 28, 1)),
            f.conv(1, 6, "same"), keras.layers.MaxPool2D(2),
            f.conv(6, 16, "valid"), keras.layers.MaxPool2D(2),
            keras.layers.Flatten(), f.dense(400, 120, "relu"), f.dense(120, 84, "relu"), f.dense(84, 10),
        ]
    return keras.Sequential(layers)


def trainer(model, x, y, o):
    """An epoch over a permutation as a function that is compiled once; it returns the sum of the steps' losses."""
    optimizer = keras.optimizers.SGD(o.rate, momentum=0.9)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def epoch(perm):
        total = tf.constant(0.0)
        for rows in perm:  # a loop of the graph
            with tf.GradientTape() as tape:
                loss = loss_of(tf.gather(y, rows), model(tf.gather(x, rows), training=True))
            grads = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(grads, model.trainable_variables))
            total += loss
        return total

    return epoch


def main():
    o = options.parse(["mlp", "lenet", "softmax"])
    tf.config.threading.set_intra_op_parallelism_threads(o.threads)
    tf.config.threading.set_inter_op_parallelism_threads(o.threads)
    keras.utils.set_random_seed(o.seed)
    x, y, tx, ty = map(tf.constant, mnist.load(o.data))
    model = net(o.work, o.seed)
    steps = len(x) // o.batch
    epoch = trainer(model, x, y, o)
    shape = tf.TensorSpec((steps, o.batch), tf.int32)
    compiled = epoch.get_concrete_function(shape)  # not counted
    seconds, errors, losses = [], [], []
    for _ in range(o.epochs):
        start = time.perf_counter()
        perm = tf.reshape(tf.random.shuffle(tf.range(len(x)))[: steps * o.batch], (steps, o.batch))
        total = float(compiled(perm))
        seconds.append(time.perf_counter() - start)
        losses.append(total / steps)
        right = sum(int(tf.reduce_sum(tf.cast(tf.argmax(model(tx[i : i + 1000]), 1) == ty[i : i + 1000], tf.int32))) for i in range(0, len(tx), 1000))
        errors.append((len(tx) - right) / len(tx))
    about = {"peer": f"TensorFlow {tf.__version__}"} | {name: value for name, value in vars(o).items() if name != "data"}
    print(json.dumps(about | {
        "samples_per_second": steps * o.batch / min(seconds), "seconds": seconds, "error": errors, "loss": losses, "peak_memory": mnist.peak(),
    }))


if __name__ == "__main__":
    main()
