//! Who takes which messages, and what the server was asked about that (reference: cmp.md, 6).

use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroU16;

use super::Shape;
use crate::mqtt::topic;

/// The topics that somebody has registered for.
#[derive(Debug)]
pub struct Registry<T> {
    /// The newest last.
    entries: Vec<Entry<T>>,
    /// What the server has not answered yet.
    asked: Vec<Asked>,
}

#[derive(Debug)]
struct Entry<T> {
    topic: Box<[u8]>,
    wildcard: bool,
    shape: Shape,
    taker: T,
    /// Of the SUBSCRIBE that was sent last.
    id: Option<NonZeroU16>,
    /// The server does not send these messages.
    failed: bool,
}

/// A question to the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// What was asked.
    pub question: Question,
    /// The topic it is about.
    pub topic: Box<[u8]>,
    id: Option<NonZeroU16>,
}

/// What the server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// To send the messages of a topic.
    Register,
    /// Not to send them any more.
    Unregister,
}

/// Why one cannot register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Somebody has, for that topic.
    Taken,
    /// As many have as may, or there is no memory.
    Full,
}

impl<T: Copy> Registry<T> {
    /// How many may register.
    pub const ENTRIES_MAX: usize = 256;

    /// Nobody has registered.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Registers a taker for the messages of a topic, which may have wildcards. A registration that has failed is replaced.
    pub fn register(&mut self, topic: &[u8], shape: Shape, taker: T) -> Result<(), Refused> {
        if let Some(entry) = self.entry(topic) {
            if !entry.failed {
                return Err(Refused::Taken);
            }
            entry.shape = shape;
            entry.taker = taker;
            entry.failed = false;
            return Ok(());
        }
        if self.entries.len() >= Self::ENTRIES_MAX || self.entries.try_reserve(1).is_err() {
            return Err(Refused::Full);
        }
        self.entries.push(Entry {
            wildcard: topic::has_wildcard(topic),
            topic: copy(topic).ok_or(Refused::Full)?,
            shape,
            taker,
            id: None,
            failed: false,
        });
        Ok(())
    }

    /// Takes a registration back; says whether there was one.
    pub fn unregister(&mut self, topic: &[u8]) -> bool {
        let found = self.entries.iter().position(|entry| *entry.topic == *topic);
        found.map(|index| self.entries.remove(index)).is_some()
    }

    /// A question that is about to be sent; `None` if there is no memory.
    pub fn ask(&mut self, question: Question, topic: &[u8]) -> Option<Asked> {
        // With what is on its way already, which may be as many as there are threads.
        const MARGIN: usize = 16;

        self.asked.try_reserve(MARGIN).ok()?;
        Some(Asked {
            question,
            topic: copy(topic)?,
            id: None,
        })
    }

    /// The question goes out with this packet id.
    pub fn sending(&mut self, asked: Asked, id: NonZeroU16) {
        if asked.question == Question::Register
            && let Some(entry) = self.entry(&asked.topic)
        {
            entry.id = Some(id);
        }
        if self.asked.try_reserve(1).is_ok() {
            self.asked.push(Asked {
                id: Some(id),
                ..asked
            });
        }
    }

    /// The server has answered this question, or has not in time: which one that was. `well`: it does as it was asked.
    pub fn answered(&mut self, id: NonZeroU16, well: bool) -> Option<Asked> {
        let index = self.asked.iter().position(|asked| asked.id == Some(id))?;
        let asked = self.asked.remove(index);
        if asked.question == Question::Register
            && !well
            && let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == Some(id))
        {
            entry.failed = true;
        }
        Some(asked)
    }

    /// The server has refused a registration that it had granted before: for which topic.
    pub fn withdrawn(&mut self, id: NonZeroU16) -> Option<Box<[u8]>> {
        let entry = self.entries.iter_mut().find(|entry| entry.id == Some(id))?;
        entry.failed = true;
        copy(&entry.topic)
    }

    /// The question could not be sent.
    pub fn failed(&mut self, question: Question, topic: &[u8]) {
        let about = |asked: &Asked| asked.question == question && *asked.topic == *topic;
        if let Some(index) = self.asked.iter().rposition(about) {
            self.asked.remove(index);
        }
        if question == Question::Register
            && let Some(entry) = self.entry(topic)
        {
            entry.failed = true;
        }
    }

    /// Who takes a message: one that has registered for exactly its topic, or else the last one whose wildcards match.
    #[must_use]
    pub fn taker(&self, topic: &[u8]) -> Option<(Shape, T)> {
        let newest = || self.entries.iter().rev();
        let exact = |entry: &&Entry<T>| !entry.wildcard && *entry.topic == *topic;
        let wild = |entry: &&Entry<T>| entry.wildcard && topic::matches(&entry.topic, topic);
        let entry = newest().find(exact).or_else(|| newest().find(wild))?;
        Some((entry.shape, entry.taker))
    }

    fn entry(&mut self, topic: &[u8]) -> Option<&mut Entry<T>> {
        self.entries.iter_mut().find(|entry| *entry.topic == *topic)
    }
}

impl<T: Copy> Default for Registry<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn copy(bytes: &[u8]) -> Option<Box<[u8]>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).ok()?;
    copy.extend_from_slice(bytes);
    Some(copy.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;

    use super::*;

    fn id(number: u16) -> NonZeroU16 {
        NonZeroU16::new(number).expect("not 0")
    }

    fn send(registry: &mut Registry<u32>, question: Question, topic: &[u8], number: u16) {
        let asked = registry.ask(question, topic).expect("memory");
        registry.sending(asked, id(number));
    }

    #[test]
    fn topics_are_the_same_only_if_they_are_equal() {
        let mut registry = Registry::new();
        assert_eq!(registry.register(b"/p/d/data2", Shape::Raw, 2), Ok(()));
        assert_eq!(registry.register(b"/p/d/data", Shape::Request, 1), Ok(()));
        assert_eq!(
            registry.register(b"/p/d/data", Shape::Raw, 3),
            Err(Refused::Taken)
        );
        assert_eq!(registry.taker(b"/p/d/data"), Some((Shape::Request, 1)));
        assert_eq!(registry.taker(b"/p/d/data2"), Some((Shape::Raw, 2)));
        assert_eq!(registry.taker(b"/p/d/dat"), None);
        assert!(!registry.unregister(b"/p/d/dat"));
        assert!(registry.unregister(b"/p/d/data"));
        assert_eq!(registry.taker(b"/p/d/data"), None);
        assert_eq!(registry.taker(b"/p/d/data2"), Some((Shape::Raw, 2)));
    }

    #[test]
    fn an_exact_topic_comes_before_wildcards_and_of_those_the_newest() {
        let mut registry = Registry::new();
        for (topic, taker) in [(&b"/a/b"[..], 1), (b"/a/+", 2), (b"/a/#", 3)] {
            assert_eq!(registry.register(topic, Shape::Raw, taker), Ok(()));
        }
        assert_eq!(registry.taker(b"/a/b"), Some((Shape::Raw, 1)));
        assert_eq!(registry.taker(b"/a/c"), Some((Shape::Raw, 3)));
        assert!(registry.unregister(b"/a/#"));
        assert_eq!(registry.taker(b"/a/c"), Some((Shape::Raw, 2)));
        assert_eq!(registry.taker(b"/a/+"), Some((Shape::Raw, 2)));
        assert_eq!(registry.taker(b"/b"), None);
    }

    #[test]
    fn a_failed_registration_takes_messages_and_may_be_replaced() {
        let mut registry = Registry::new();
        assert_eq!(registry.register(b"/a", Shape::Raw, 1), Ok(()));
        send(&mut registry, Question::Register, b"/a", 7);
        assert_eq!(registry.answered(id(8), false), None);
        let asked = registry.answered(id(7), false).expect("the question");
        assert_eq!(
            (asked.question, &*asked.topic),
            (Question::Register, &b"/a"[..])
        );
        assert_eq!(registry.answered(id(7), false), None, "told once");
        assert_eq!(registry.taker(b"/a"), Some((Shape::Raw, 1)));

        assert_eq!(registry.register(b"/a", Shape::Request, 2), Ok(()));
        assert_eq!(registry.taker(b"/a"), Some((Shape::Request, 2)));
        assert_eq!(registry.register(b"/a", Shape::Raw, 3), Err(Refused::Taken));
        registry.failed(Question::Register, b"/a");
        assert_eq!(registry.register(b"/a", Shape::Raw, 3), Ok(()));
    }

    #[test]
    fn results_belong_to_their_questions_however_the_topics_are_alike() {
        let mut registry = Registry::new();
        assert_eq!(registry.register(b"/a", Shape::Raw, 1), Ok(()));
        send(&mut registry, Question::Register, b"/a", 1);
        assert!(registry.unregister(b"/a"));
        send(&mut registry, Question::Unregister, b"/a", 2);
        assert_eq!(registry.register(b"/a", Shape::Raw, 2), Ok(()));
        send(&mut registry, Question::Register, b"/a", 3);

        let questions = [3, 1, 2].map(|number| registry.answered(id(number), true));
        let questions = questions.map(|asked| asked.map(|asked| asked.question));
        let wanted = [Question::Register, Question::Register, Question::Unregister];
        assert_eq!(questions, wanted.map(Some));
    }

    #[test]
    fn a_late_refusal_fails_the_registration_that_it_is_about() {
        let mut registry = Registry::new();
        assert_eq!(registry.register(b"/a", Shape::Raw, 1), Ok(()));
        send(&mut registry, Question::Register, b"/a", 7);
        assert!(registry.answered(id(7), true).is_some());
        assert_eq!(registry.withdrawn(id(6)), None);
        assert_eq!(registry.withdrawn(id(7)).as_deref(), Some(&b"/a"[..]));
        assert_eq!(registry.register(b"/a", Shape::Raw, 2), Ok(()));
    }

    #[test]
    fn there_is_room_for_256() {
        let mut registry = Registry::new();
        for number in 0..256 {
            let topic = format!("/t/{number}");
            assert_eq!(
                registry.register(topic.as_bytes(), Shape::Raw, number),
                Ok(())
            );
        }
        assert_eq!(
            registry.register(b"/one/more", Shape::Raw, 0),
            Err(Refused::Full)
        );
        assert!(registry.unregister(b"/t/7"));
        assert_eq!(registry.register(b"/one/more", Shape::Raw, 0), Ok(()));
    }
}
