//! linnet-quant
