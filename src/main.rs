//! The page: mounts the app.

#[cfg(target_arch = "wasm32")]
fn main() {
    petaday::app::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("petaday-app is the page and runs in a browser: `make serve`");
}
