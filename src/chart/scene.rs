//! A plotters backend that hands out what it is told to draw.

use plotters::prelude::*;
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, DrawingErrorKind};
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

/// Something drawn, in the backend's coordinates.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A filled rectangle.
    Rectangle { left: i32, right: i32 },
    /// A line.
    Line {
        from: BackendCoord,
        to: BackendCoord,
    },
}

/// What has been drawn so far, shared with the backend that draws.
pub(super) type Shapes = Rc<RefCell<Vec<Shape>>>;

/// A backend that keeps shapes instead of painting them.
pub(super) struct SceneBackend {
    size: (u32, u32),
    shapes: Shapes,
}

impl SceneBackend {
    /// A drawing area of this size, and where its shapes will stand.
    pub(super) fn area(size: (u32, u32)) -> (DrawingArea<Self, plotters::coord::Shift>, Shapes) {
        let shapes = Shapes::default();
        (
            Self {
                size,
                shapes: shapes.clone(),
            }
            .into_drawing_area(),
            shapes,
        )
    }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for SceneBackend {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, _: BackendCoord, _: BackendColor) -> Drawn {
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, _: &S) -> Drawn {
        self.shapes.borrow_mut().push(Shape::Line { from, to });
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        _: &S,
    ) -> Drawn {
        let points: Vec<_> = path.into_iter().collect();
        for pair in points.windows(2) {
            self.shapes.borrow_mut().push(Shape::Line {
                from: pair[0],
                to: pair[1],
            });
        }
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        _: &S,
        _: bool,
    ) -> Drawn {
        self.shapes.borrow_mut().push(Shape::Rectangle {
            left: upper_left.0,
            right: bottom_right.0,
        });
        Ok(())
    }
}
