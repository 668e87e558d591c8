//! What CONTRIBUTING.md and ARCHITECTURE.md claim of the house, read from its files.

mod files;
mod floors;
mod picture;
mod seam;
