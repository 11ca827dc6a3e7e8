//! The choices with few options: precision, gradients, optimizer, recomputation.

use crate::hardware::Arithmetic;

/// One of a few options, each with the key that links use and the label the page shows.
pub trait Choice: Copy + PartialEq + Sized + 'static {
    /// Every option, in the order shown. Keys are only ever added: links name them.
    const ALL: &'static [Self];

    /// What links call it.
    fn key(self) -> &'static str;

    /// What the page calls it.
    fn label(self) -> &'static str;

    /// Its place in [`Choice::ALL`].
    fn index(self) -> usize {
        Self::ALL
            .iter()
            .position(|option| *option == self)
            .unwrap_or(0)
    }
}

/// Declares a choice once: its options with docs, keys and labels.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$option_doc:meta])* $option:ident $key:literal $label:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$option_doc])* $option,)+ }

        impl Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$option,)+];
            fn key(self) -> &'static str {
                match self { $(Self::$option => $key,)+ }
            }
            fn label(self) -> &'static str {
                match self { $(Self::$option => $label,)+ }
            }
        }
    };
}

choice!(
    /// Training precision: the dtype of the weights.
    Precision {
        /// FP32 throughout.
        Fp32 "fp32" "FP32",
        /// BF16 or FP16 throughout.
        SixteenBit "16bit" "16-bit",
        /// 16-bit weights with an FP32 copy.
        Mixed "mixed" "Mixed",
    }
);

choice!(
    /// Dtype of the gradients.
    GradientDtype {
        /// As the training precision implies: FP32 4 bytes; 16-bit and mixed 2.
        Follow "follow" "As precision",
        /// 4 bytes a parameter.
        Fp32 "fp32" "FP32",
        /// 2 bytes a parameter.
        SixteenBit "16bit" "16-bit",
    }
);

choice!(
    /// Optimizer.
    Optimizer {
        /// AdamW: FP32 copy, momentum, variance.
        AdamW "adamw" "AdamW",
        /// AdamW with both moments in 8 bits.
        AdamW8Bit "adamw8bit" "8-bit",
        /// SGD with momentum.
        Sgd "sgd" "SGD",
    }
);

choice!(
    /// Activation recomputation.
    Recomputation {
        /// Every activation is kept.
        None "none" "None",
        /// The attention matrices are recomputed.
        Selective "selective" "Selective",
        /// Only each layer's input is kept.
        Full "full" "Full",
    }
);

impl Precision {
    /// The arithmetic whose peak a rate is compared with.
    pub fn arithmetic(self) -> Arithmetic {
        match self {
            Self::Fp32 => Arithmetic::Fp32,
            Self::SixteenBit | Self::Mixed => Arithmetic::SixteenBit,
        }
    }
}

impl GradientDtype {
    /// Bytes of one gradient under this training precision: 4 or 2.
    pub fn bytes(self, precision: Precision) -> u32 {
        match (self, precision) {
            (Self::Fp32, _) | (Self::Follow, Precision::Fp32) => 4,
            (Self::SixteenBit | Self::Follow, _) => 2,
        }
    }
}
