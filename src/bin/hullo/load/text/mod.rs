//! What is said and expected: templates, and bytes that are written without an allocation.

pub mod buffer;
pub mod cache;
pub mod request;
pub mod template;
