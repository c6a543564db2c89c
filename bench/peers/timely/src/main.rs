//! PageRank on timely dataflow: rank INPUT OUTPUT ITERATIONS WORKERS.
//!
//! One operator with a loop around it. Every id belongs to the worker that its hash
//! names; edges go to the owner of their source, once; each owner then tells the others
//! which of their vertices it has edges to, and after that only sums travel, one float64
//! a distinct destination and worker, in that order. float64, Jacobi, dangling mass
//! spread evenly.

mod part;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use part::{Message, Part};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::{ConnectLoop, Feedback};

/// Rounds before the first update: edges, wanted vertices, counts, first shares.
const FIRST: usize = 4;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (input, output) = (args[1].clone(), args[2].clone());
    let iterations: usize = args[3].parse().expect("iterations");
    let workers: usize = args[4].parse().expect("workers");
    std::fs::create_dir(&output).expect("a new folder for the output");
    let start = Instant::now();
    // When the last worker has loaded, ranked and written.
    let marks = Arc::new(Mutex::new([0f64; 3]));
    let shared = marks.clone();
    let reached = move |i: usize| {
        let mut m = shared.lock().expect("marks");
        m[i] = m[i].max(start.elapsed().as_secs_f64());
    };
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let mut part = Part::new(worker.index(), worker.peers());
        let (input, output, reached) = (input.clone(), output.clone(), reached.clone());
        worker.dataflow::<usize, _, _>(|scope| {
            let (handle, cycle) = scope.feedback(1);
            let pact = Exchange::new(|m: &Message| m.0);
            let sent = cycle.unary_frontier::<CapacityContainerBuilder<Vec<Message>>, _, _, _>(pact, "rank", move |first, _| {
                let mut capability = Some(first);
                let mut stash: HashMap<usize, Vec<Message>> = HashMap::new();
                move |(messages, frontier), out| {
                    messages.for_each_stamp(|stamp, data| {
                        let had = stash.entry(*stamp.least().expect("a time")).or_default();
                        data.for_each(|batch| had.append(batch));
                    });
                    let Some(held) = capability.as_mut() else { return };
                    let round = *held.time();
                    if round > 0 && frontier.less_equal(&round) {
                        return; // not all of the round is here
                    }
                    let heard = stash.remove(&round).unwrap_or_default();
                    let last = FIRST + iterations - 1;
                    let say = match round {
                        0 => part.read(&input),
                        1 => part.edges(heard),
                        2 => part.wanted(heard),
                        3 => {
                            part.counts(heard);
                            reached(0);
                            part.begin()
                        }
                        _ => part.update(heard, round < last),
                    };
                    if round >= FIRST && round == last || iterations == 0 && round == 3 {
                        reached(1);
                        part.write(&output);
                        reached(2);
                        capability = None;
                        return;
                    }
                    let mut session = out.session(&*held);
                    for m in say {
                        session.give(m);
                    }
                    drop(session);
                    held.downgrade(&(round + 1));
                }
            });
            sent.connect_loop(handle);
        });
    })
    .expect("workers");
    for g in guards.join() {
        g.expect("a worker");
    }
    let m = marks.lock().expect("marks");
    println!("{{\"load\": {}, \"compute\": {}, \"write\": {}}}", m[0], m[1] - m[0], m[2] - m[1]);
}
