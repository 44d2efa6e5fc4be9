//! Futures as promises.
//!
//! `wasm-bindgen` would do this for exported async functions, but compiled with atomics it wakes futures through shared
//! memory, which a page that is not isolated does not have. Ours wakes on the thread that runs the engine, where everything
//! that a future waits for happens.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;

type Task = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    /// Those that wait, by number.
    static TASKS: RefCell<HashMap<u32, Task>> = RefCell::default();
    static NEXT: Cell<u32> = const { Cell::new(0) };
    /// Polls the task of a number.
    static POLL: Closure<dyn FnMut(JsValue)> = Closure::new(|number: JsValue| {
        if let Some(number) = number.as_f64() {
            poll(number as u32);
        }
    });
}

/// A promise of what `future` comes to.
pub(crate) fn promise<T: Into<JsValue>>(
    future: impl Future<Output = Result<T, JsValue>> + 'static,
) -> Promise {
    let mut future = Some(future);
    Promise::new(&mut |resolve: Function, reject: Function| {
        // It is called once.
        let Some(future) = future.take() else { return };
        let task = async move {
            let (settle, value) = match future.await {
                Ok(value) => (resolve, value.into()),
                Err(error) => (reject, error),
            };
            // The functions of a promise throw nothing.
            let _ = settle.call1(&JsValue::UNDEFINED, &value);
        };
        let number = NEXT.get();
        NEXT.set(number.wrapping_add(1));
        TASKS.with_borrow_mut(|tasks| tasks.insert(number, Box::pin(task)));
        schedule(number);
    })
}

/// Has a task polled when the current one is done.
fn schedule(number: u32) {
    POLL.with(|poll| drop(Promise::resolve(&JsValue::from(number)).then(poll)));
}

/// The task is not in the map meanwhile, so that it may make or wake others.
fn poll(number: u32) {
    let Some(mut task) = TASKS.with_borrow_mut(|tasks| tasks.remove(&number)) else { return };
    let waker = Waker::from(Arc::new(Number(number)));
    if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        TASKS.with_borrow_mut(|tasks| tasks.insert(number, task));
    }
}

/// Wakes the task of a number.
struct Number(u32);

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        schedule(self.0);
    }
}
