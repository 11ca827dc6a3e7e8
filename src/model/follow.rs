//! What follows when a reader changes one size of an architecture: relations that held go on holding.

use super::{Architecture, ModelField};
use crate::field::Value;

impl Architecture {
    /// The sizes that should follow when `field` becomes `value`: as many KV heads as heads where there were, a head
    /// dimension of hidden size over heads, rotary dimensions of the whole head, a feed-forward network of 4h.
    pub fn followers(&self, field: ModelField, value: Value) -> Vec<(ModelField, Value)> {
        let Value::Count(new) = value else {
            return Vec::new();
        };
        let attention = &self.attention;
        let (heads, hidden) = match field {
            ModelField::Heads => (new, self.hidden),
            ModelField::Hidden => (attention.heads, new),
            _ => (attention.heads, self.hidden),
        };
        let mut followers = Vec::new();
        let mut follow = |field, count| followers.push((field, Value::Count(count)));
        if field == ModelField::Heads && attention.kv_heads == attention.heads {
            follow(ModelField::KvHeads, new);
        }
        if field == ModelField::Hidden && self.feed_forward.size == 4 * self.hidden {
            follow(ModelField::FeedForward, 4 * new);
        }
        let spans =
            attention.latent.is_none() && attention.heads * attention.head_dim == self.hidden;
        let head_dim = match field {
            ModelField::HeadDim => Some(new),
            ModelField::Heads | ModelField::Hidden if spans && hidden.is_multiple_of(heads) => {
                follow(ModelField::HeadDim, hidden / heads);
                Some(hidden / heads)
            }
            _ => None,
        };
        if let Some(head_dim) = head_dim
            && attention.rotary_dim == attention.head_dim
        {
            follow(ModelField::RotaryDim, head_dim);
        }
        followers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Family;

    #[test]
    fn relations_that_held_go_on() {
        let llama = Family::Llama.base();
        let follows = |field, value| llama.followers(field, Value::Count(value));
        assert_eq!(
            follows(ModelField::Heads, 64),
            [
                (ModelField::KvHeads, Value::Count(64)),
                (ModelField::HeadDim, Value::Count(64)),
                (ModelField::RotaryDim, Value::Count(64)),
            ]
        );
        // Not 4h before, so it stays.
        assert_eq!(
            follows(ModelField::Hidden, 8_192),
            [
                (ModelField::HeadDim, Value::Count(256)),
                (ModelField::RotaryDim, Value::Count(256)),
            ]
        );
        assert_eq!(follows(ModelField::Layers, 80), []);
    }
}
