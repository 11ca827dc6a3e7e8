//! What is held, by segment, and, where the list is wanted, tensor by tensor: one count for both.

use super::saved::{Saved, Tape};
use super::tensor::{Dtype, Entry, Name, Place, SEGMENTS, Segment, Shape};
use crate::units::Bytes;

/// Bytes by segment; the tensors themselves only where they are listed.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub bytes: [u128; SEGMENTS],
    pub entries: Option<Vec<Entry>>,
}

impl Tally {
    /// Nothing yet; with `listing`, the tensors will be kept beside their sum.
    pub fn new(listing: bool) -> Self {
        Self {
            bytes: [0; SEGMENTS],
            entries: listing.then(Vec::new),
        }
    }

    /// What another tally has, and nothing else.
    pub fn set(&mut self, other: &Self) {
        self.bytes = other.bytes;
        if self.entries.is_some() {
            self.entries.clone_from(&other.entries);
        }
    }

    /// What a tape holds.
    pub fn of_tape(tape: &Tape) -> Self {
        Self::of_entries(tape.bytes(), tape.entries())
    }

    /// What a tape held when the attention scores were computed.
    pub fn before_scores(tape: &Tape) -> Self {
        let (bytes, entries) = tape.before_scores();
        Self::of_entries(bytes, entries)
    }

    fn of_entries(bytes: [u128; SEGMENTS], entries: Option<&[(u32, Entry)]>) -> Self {
        Self {
            bytes,
            entries: entries.map(|entries| entries.iter().map(|(_, entry)| *entry).collect()),
        }
    }

    /// The larger of two tallies.
    pub fn larger(self, other: Self) -> Self {
        if other.total() > self.total() {
            other
        } else {
            self
        }
    }

    /// Bytes of all segments.
    pub fn total(&self) -> u128 {
        self.bytes.iter().sum()
    }

    /// Bytes of one segment.
    pub fn of(&self, segment: Segment) -> u128 {
        self.bytes[segment as usize]
    }

    /// Adds `count` tensors alike.
    #[inline]
    pub fn add(
        &mut self,
        segment: Segment,
        place: Place,
        name: Name,
        shape: impl Into<Shape>,
        dtype: Dtype,
        count: u64,
    ) {
        let shape = shape.into();
        let bytes = shape.bytes(dtype) * u128::from(count);
        self.bytes[segment as usize] += bytes;
        if self.entries.is_some() {
            self.note(&Entry {
                segment,
                place,
                name,
                shape,
                dtype,
                count,
                bytes: Bytes(bytes),
            });
        }
    }

    #[cold]
    fn note(&mut self, entry: &Entry) {
        if let Some(entries) = &mut self.entries
            && entry.bytes.0 > 0
        {
            entries.push(*entry);
        }
    }

    /// Keeps one segment and forgets the others.
    pub fn only(&mut self, segment: Segment) {
        for (index, bytes) in self.bytes.iter_mut().enumerate() {
            if index != segment as usize {
                *bytes = 0;
            }
        }
        if let Some(entries) = &mut self.entries {
            entries.retain(|entry| entry.segment == segment);
        }
    }

    /// Adds another tally `times` over that has these segments only.
    #[inline]
    pub fn plus_of<const N: usize>(&mut self, segments: [Segment; N], other: &Self, times: u64) {
        let counted: u128 = segments.into_iter().map(|segment| other.of(segment)).sum();
        debug_assert_eq!(other.total(), counted, "a segment is left out");
        for segment in segments {
            self.bytes[segment as usize] += other.of(segment) * u128::from(times);
        }
        if self.entries.is_some() {
            self.list(other, times);
        }
    }

    /// Adds another tally.
    pub fn plus(&mut self, other: &Self) {
        for (sum, bytes) in self.bytes.iter_mut().zip(&other.bytes) {
            *sum += bytes;
        }
        if self.entries.is_some() {
            self.list(other, 1);
        }
    }

    #[cold]
    fn list(&mut self, other: &Self, times: u64) {
        if let (Some(entries), Some(more)) = (&mut self.entries, &other.entries)
            && times > 0
        {
            entries.extend(more.iter().map(|entry| Entry {
                count: entry.count * times,
                bytes: Bytes(entry.bytes.0 * u128::from(times)),
                ..*entry
            }));
        }
    }
}

/// A tensor that a schedule holds until it gives it back with [`Heap::free`]. A view has no bytes of its own.
#[must_use]
#[derive(Debug)]
pub(super) struct Live {
    pub name: Name,
    pub shape: Shape,
    pub dtype: Dtype,
    bytes: u128,
    segment: Segment,
    id: u32,
}

impl Live {
    /// A view of a tensor that is held elsewhere.
    pub fn view(&self) -> Self {
        Self {
            bytes: 0,
            id: NO_ID,
            ..*self
        }
    }
}

/// The tensors alive while a schedule runs, and those at its highest point.
#[derive(Debug)]
pub(super) struct Heap<'t> {
    place: Place,
    tape: &'t mut Tape,
    live: [u128; SEGMENTS],
    total: u128,
    peak: [u128; SEGMENTS],
    highest: u128,
    listing: Option<Listing>,
}

#[derive(Debug)]
struct Listing {
    next: u32,
    live: Vec<(u32, Entry)>,
    peak: Vec<Entry>,
}

const NO_ID: u32 = u32::MAX;

impl<'t> Heap<'t> {
    /// A schedule that starts with the tensors of a tape alive.
    pub fn starting_with(tape: &'t mut Tape, place: Place) -> Self {
        let live = tape.bytes();
        let total = live.iter().sum();
        let listing = tape.entries().map(|entries| Listing {
            next: Saved::COUNT as u32,
            live: entries.to_vec(),
            peak: entries.iter().map(|(_, entry)| *entry).collect(),
        });
        Self {
            place,
            tape,
            live,
            total,
            peak: live,
            highest: total,
            listing,
        }
    }

    /// Allocates a tensor.
    #[inline]
    pub fn alloc(
        &mut self,
        segment: Segment,
        name: Name,
        shape: impl Into<Shape>,
        dtype: Dtype,
    ) -> Live {
        let shape = shape.into();
        let bytes = shape.bytes(dtype);
        self.live[segment as usize] += bytes;
        self.total += bytes;
        // What only a list needs stays off the path of a total.
        let id = if self.listing.is_some() {
            self.list(&Entry {
                segment,
                place: self.place,
                name,
                shape,
                dtype,
                count: 1,
                bytes: Bytes(bytes),
            })
        } else {
            NO_ID
        };
        Live {
            name,
            shape,
            dtype,
            bytes,
            segment,
            id,
        }
    }

    #[cold]
    fn list(&mut self, entry: &Entry) -> u32 {
        let Some(listing) = &mut self.listing else {
            return NO_ID;
        };
        let id = listing.next;
        listing.next += 1;
        listing.live.push((id, *entry));
        id
    }

    /// Allocates a tensor and gives it back at once.
    #[inline]
    pub fn touch(&mut self, segment: Segment, name: Name, shape: impl Into<Shape>, dtype: Dtype) {
        let shape = shape.into();
        if self.listing.is_some() {
            let tensor = self.alloc(segment, name, shape, dtype);
            return self.free(tensor);
        }
        let bytes = shape.bytes(dtype);
        if self.total + bytes > self.highest {
            self.note();
            self.highest += bytes;
            self.peak[segment as usize] += bytes;
        }
    }

    /// Notes where it stands before it falls.
    fn note(&mut self) {
        self.highest = self.total;
        self.peak = self.live;
        if let Some(listing) = &mut self.listing {
            listing.peak = listing.live.iter().map(|(_, entry)| *entry).collect();
        }
    }

    #[inline]
    fn fall(&mut self, segment: Segment, bytes: u128, id: u32) {
        if self.total > self.highest {
            self.note();
        }
        self.live[segment as usize] -= bytes;
        self.total -= bytes;
        if self.listing.is_some() {
            self.forget(id);
        }
    }

    /// Gives a tensor back.
    #[inline]
    pub fn free(&mut self, tensor: Live) {
        self.fall(tensor.segment, tensor.bytes, tensor.id);
    }

    /// An operation on a saved tensor is done: the tensor goes when it was the last that holds it.
    #[inline]
    pub fn release(&mut self, saved: Saved) {
        if self.tape.held(saved) > 0 {
            self.let_go(saved.index(), self.tape.segment_of(saved));
        }
    }

    fn let_go(&mut self, index: usize, segment: Segment) {
        if let Some(bytes) = self.tape.release(index) {
            self.fall(segment, bytes, index as u32);
        }
    }

    #[cold]
    fn forget(&mut self, id: u32) {
        if let Some(listing) = &mut self.listing
            && let Some(place) = listing.live.iter().rposition(|(other, _)| *other == id)
        {
            listing.live.remove(place);
        }
    }

    /// What is alive now.
    pub fn now(&self) -> Tally {
        Tally {
            bytes: self.live,
            entries: (self.listing.as_ref())
                .map(|listing| listing.live.iter().map(|(_, entry)| *entry).collect()),
        }
    }

    /// What was alive at the highest point.
    pub fn peak(mut self) -> Tally {
        if self.total > self.highest {
            self.note();
        }
        Tally {
            bytes: self.peak,
            entries: self.listing.map(|listing| listing.peak),
        }
    }
}
