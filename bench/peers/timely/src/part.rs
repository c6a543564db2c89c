//! One worker's part of the graph.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::Write;
use std::os::unix::fs::FileExt;

/// To, from, ids or counts, and sums.
pub type Message = (u64, u64, Vec<u64>, Vec<f64>);

/// Mixes one u64, by splitmix64's finalizer.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d049bb133111eb);
    x ^ (x >> 31)
}

#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("ids are u64")
    }
    fn write_u64(&mut self, x: u64) {
        self.0 = mix(x);
    }
}

/// Numbers distinct ids in the order in which they come.
#[derive(Default)]
struct Dictionary {
    numbers: HashMap<u64, u32, BuildHasherDefault<Mix>>,
    ids: Vec<u64>,
}

impl Dictionary {
    fn number(&mut self, id: u64) -> u32 {
        let next = self.ids.len() as u32;
        let n = *self.numbers.entry(id).or_insert(next);
        if n == next {
            self.ids.push(id);
        }
        n
    }
}

/// The edges to one worker's vertices, by source, and where sums from it belong.
#[derive(Default)]
struct Side {
    starts: Vec<u32>,  // by own vertex
    targets: Vec<u32>, // places in what is sent to the worker
    places: usize,     // of them
    from: Vec<u32>,    // own vertex by place in what the worker sends
}

pub struct Part {
    index: usize,
    peers: usize,
    own: Dictionary,
    sides: Vec<Side>,
    degrees: Vec<u32>,
    vertices: f64, // of the whole graph
    ranks: Vec<f64>,
}

impl Part {
    pub fn new(index: usize, peers: usize) -> Part {
        Part {
            index,
            peers,
            own: Dictionary::default(),
            sides: (0..peers).map(|_| Side::default()).collect(),
            degrees: Vec::new(),
            vertices: 0.0,
            ranks: Vec::new(),
        }
    }

    fn owner(&self, id: u64) -> usize {
        (mix(id ^ 0x9e3779b97f4a7c15) % self.peers as u64) as usize
    }

    fn message(&self, to: usize, ids: Vec<u64>, sums: Vec<f64>) -> Message {
        (to as u64, self.index as u64, ids, sums)
    }

    /// Reads the lines that start in the own share of the file; edges go to their
    /// sources' owners.
    pub fn read(&self, input: &str) -> Vec<Message> {
        let file = File::open(input).expect("open the input");
        let size = file.metadata().expect("size of the input").len() as usize;
        let (lo, hi) = (size * self.index / self.peers, size * (self.index + 1) / self.peers);
        let from = lo.saturating_sub(1);
        let mut text = vec![0u8; (hi + 64).min(size) - from];
        file.read_exact_at(&mut text, from as u64).expect("read the input");
        let mut i = 0;
        if lo > 0 {
            i = text.iter().position(|&c| c == b'\n').map_or(text.len(), |n| n + 1);
        }
        let mut edges: Vec<Vec<u64>> = vec![Vec::new(); self.peers];
        while i < text.len() && from + i < hi {
            let src = number(&text, &mut i);
            i += 1;
            let dst = number(&text, &mut i);
            i += 1;
            edges[self.owner(src)].extend([src, dst]);
        }
        edges.into_iter().enumerate().map(|(q, e)| self.message(q, e, Vec::new())).collect()
    }

    /// Takes the own edges and tells the others which of their vertices they lead to.
    pub fn edges(&mut self, mut heard: Vec<Message>) -> Vec<Message> {
        heard.sort_by_key(|m| m.1);
        let mut seen: Vec<Dictionary> = (0..self.peers).map(|_| Dictionary::default()).collect();
        let mut triples: Vec<(u32, u32, u32)> = Vec::new(); // source, worker, place
        for (_, _, edges, _) in heard {
            for e in edges.chunks_exact(2) {
                let (q, src) = (self.owner(e[1]), self.own.number(e[0]));
                triples.push((src, q as u32, seen[q].number(e[1])));
            }
        }
        self.degrees = vec![0; self.own.ids.len()];
        for t in &triples {
            self.degrees[t.0 as usize] += 1;
        }
        for (q, side) in self.sides.iter_mut().enumerate() {
            side.places = seen[q].ids.len();
            side.starts = vec![0; self.own.ids.len() + 1];
            for t in triples.iter().filter(|t| t.1 == q as u32) {
                side.starts[t.0 as usize + 1] += 1;
            }
            for v in 0..self.own.ids.len() {
                side.starts[v + 1] += side.starts[v];
            }
            let mut at = side.starts.clone();
            side.targets = vec![0; *at.last().expect("starts") as usize];
            for t in triples.iter().filter(|t| t.1 == q as u32) {
                side.targets[at[t.0 as usize] as usize] = t.2;
                at[t.0 as usize] += 1;
            }
        }
        seen.into_iter().enumerate().map(|(q, d)| self.message(q, d.ids, Vec::new())).collect()
    }

    /// Numbers the vertices that others have edges to, and tells how many there are.
    pub fn wanted(&mut self, heard: Vec<Message>) -> Vec<Message> {
        for (_, from, ids, _) in heard {
            self.sides[from as usize].from = ids.into_iter().map(|id| self.own.number(id)).collect();
        }
        self.degrees.resize(self.own.ids.len(), 0);
        (0..self.peers).map(|q| self.message(q, vec![self.own.ids.len() as u64], Vec::new())).collect()
    }

    pub fn counts(&mut self, heard: Vec<Message>) {
        self.vertices = heard.iter().map(|m| m.2[0] as f64).sum();
    }

    pub fn begin(&mut self) -> Vec<Message> {
        self.ranks = vec![1.0 / self.vertices; self.own.ids.len()];
        self.spread()
    }

    /// Adds up the shares along the edges: a sum a place, and the dangling mass behind.
    fn spread(&self) -> Vec<Message> {
        let mut dangling = 0.0;
        let shares: Vec<f64> = (self.ranks.iter().zip(&self.degrees))
            .map(|(r, &d)| {
                if d > 0 {
                    return r / d as f64;
                }
                dangling += r;
                0.0
            })
            .collect();
        let sources = self.sides[0].starts.len() - 1;
        self.sides
            .iter()
            .enumerate()
            .map(|(q, side)| {
                let mut sums = vec![0.0; side.places + 1];
                for v in 0..sources {
                    let share = shares[v];
                    for &t in &side.targets[side.starts[v] as usize..side.starts[v + 1] as usize] {
                        sums[t as usize] += share;
                    }
                }
                sums[side.places] = dangling;
                self.message(q, Vec::new(), sums)
            })
            .collect()
    }

    pub fn update(&mut self, mut heard: Vec<Message>, more: bool) -> Vec<Message> {
        heard.sort_by_key(|m| m.1);
        let mut inbox = vec![0.0; self.ranks.len()];
        let mut dangling = 0.0;
        for (_, from, _, sums) in &heard {
            let at = &self.sides[*from as usize].from;
            for (&v, x) in at.iter().zip(sums) {
                inbox[v as usize] += x;
            }
            dangling += sums[at.len()];
        }
        let base = (0.15 + 0.85 * dangling) / self.vertices;
        for (rank, x) in self.ranks.iter_mut().zip(&inbox) {
            *rank = base + 0.85 * x;
        }
        if more {
            self.spread()
        } else {
            Vec::new()
        }
    }

    pub fn write(&self, output: &str) {
        let mut text = Vec::with_capacity(32 * self.ranks.len());
        for (id, rank) in self.own.ids.iter().zip(&self.ranks) {
            writeln!(text, "{id}\t{rank:e}").expect("memory");
        }
        std::fs::write(format!("{output}/part-{:05}", self.index), text).expect("write the output");
    }
}

fn number(text: &[u8], i: &mut usize) -> u64 {
    let (mut x, start) = (0u64, *i);
    while *i < text.len() && text[*i].is_ascii_digit() {
        x = x * 10 + (text[*i] - b'0') as u64;
        *i += 1;
    }
    assert!(*i > start, "want lines \"src dst\" of whole numbers");
    x
}
