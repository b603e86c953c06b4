"""Specify which relations of models and builders of queries show to what a column refers."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.tables.joined_keys import read_code_joins
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.sqlite_library import sqlite3
from tests.support.scanned_trees import write

if TYPE_CHECKING:
    from pathlib import Path

    Related = tuple[str, str, tuple[str, str]]

SHOP = """
    CREATE TABLE users(id INTEGER PRIMARY KEY, name);
    CREATE TABLE blog_posts(id INTEGER PRIMARY KEY, approver_id INT, written INT, kind, user_id REFERENCES users);
    CREATE TABLE tbl_notes(id INTEGER PRIMARY KEY, about INT);
    CREATE TABLE shop_order(id INTEGER PRIMARY KEY, buyer INT, customer_id INT, first_id INT);
    CREATE TABLE shop_customer(id INTEGER PRIMARY KEY);
    CREATE TABLE auth_user(id INTEGER PRIMARY KEY);
    CREATE TABLE Note(id INTEGER PRIMARY KEY, authorId INT, editor_id INT);
    CREATE TABLE Tag(id INTEGER PRIMARY KEY);
    CREATE TABLE _NoteToTag(A INT, B INT);
    CREATE TABLE _Follows(A INT, B INT);
    CREATE TABLE pairs(a INT, b INT, PRIMARY KEY (a, b));
"""
USERS = ("users", "id")
APPROVER, WRITTEN = ("blog_posts", "approver_id", USERS), ("blog_posts", "written", USERS)
OF_ORDER = ("shop_order", "buyer", ("shop_customer", "id"))


def related(root: Path, file: str, text: str) -> list[Related]:
    """Return the columns of a shop that a file relates to keys."""
    write(root, file, text)
    with closing(sqlite3.connect(":memory:")) as con:
        con.executescript(SHOP)
        return [each[:3] for each in read_code_joins(ScanScope(root, ["."], [])).keys_in(read_schema(con))]


def post(lines: str, name: str = "BlogPost") -> str:
    """Return a model of Rails."""
    return f"class {name} < ApplicationRecord\n  {lines}\nend\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (post('belongs_to :approver, class_name: "User"'), [APPROVER]),
        (post("belongs_to :user, optional: true,\n    foreign_key: :written"), [WRITTEN]),
        (post('belongs_to :user, :foreign_key => "written"'), [WRITTEN]),
        (post('belongs_to(:approver, class_name: "::User")', "Blog::Post"), [APPROVER]),
        (
            post('self.table_name = "tbl_notes"\n  belongs_to :user, foreign_key: "about"'),
            [("tbl_notes", "about", USERS)],
        ),
        (post('has_many :texts, class_name: "BlogPost", foreign_key: "written"', "User"), [WRITTEN]),
        (post("has_one :blog_post, foreign_key: :written", "User"), [WRITTEN]),
        (post("has_many :blog_posts", "User"), []),
        (post('belongs_to :approver, class_name: "User", polymorphic: true'), []),
        (post("has_many :blog_posts, through: :pairs, foreign_key: :written", "User"), []),
        (post("has_many :blog_posts, as: :owner, foreign_key: :written", "User"), []),
        (post('belongs_to :approver, class_name: "User", primary_key: :name'), []),
        (post('# belongs_to :approver, class_name: "User"'), []),
        (post('belongs_to :approver, class_name: "Person"'), []),
        (post("belongs_to :user"), []),
        (post('belongs_to :approver, class_name: "Pair"'), []),
        ('belongs_to :approver, class_name: "User"', []),
    ],
)
def test_association_of_rails_names_table_and_column(tmp_path: Path, text: str, expected: list[Related]) -> None:
    """A polymorphic one, one over another table and a declared one tell nothing."""
    assert related(tmp_path, "app/models/any.rb", text) == expected


def model(name: str, *fields: str) -> str:
    """Return a model of Prisma, with a key."""
    return "\n  ".join((f"model {name} {{ id Int @id", *fields)) + "\n}\n"


AUTHOR = "author users @relation(fields: [authorId], references: [id])"


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ([model("Note", "authorId Int", AUTHOR), model("users", "notes Note[]")], [("Note", "authorId", USERS)]),
        (
            [
                model(
                    "Text", 'editor Int @map("editor_id") // }', AUTHOR.replace("authorId", "editor"), '@@map("Note")'
                ),
                model("users", 'mark String @default("}")', "texts Text[]"),
            ],
            [("Note", "editor_id", USERS)],
        ),
        (
            [model("Tag", "notes Note[]"), model("Note", "tags Tag[]")],
            [("_NoteToTag", "A", ("Note", "id")), ("_NoteToTag", "B", ("Tag", "id"))],
        ),
        (
            [model("users", 'a users[] @relation("Follows")', 'b users[] @relation(name: "Follows")')],
            [("_Follows", "A", USERS), ("_Follows", "B", USERS)],
        ),
        ([model("Tag", "notes Note[]"), model("Note", "tag Tag?")], []),
        ([model("Note", "authorId Int", f"// {AUTHOR}"), model("users")], []),
        ([model("Note", "authorId Int", AUTHOR.replace("[id]", "[name]")), model("users", "name String")], []),
        ([model("Note", "authorId Int", AUTHOR.replace("[id]", "[id, name]")), model("users", "name String")], []),
        ([model("Note", "authorId Int", AUTHOR)], []),
        ([model("Note", "authorId Int", AUTHOR.replace("[id]", "[nr]")), model("users")], []),
    ],
    ids=[
        "column",
        "mapped",
        "lists",
        "own lists",
        "one list",
        "comment",
        "no key",
        "two columns",
        "no model",
        "no field",
    ],
)
def test_relation_of_prisma_names_fields(tmp_path: Path, models: list[str], expected: list[Related]) -> None:
    """Two lists stand for a table with the columns A and B."""
    assert related(tmp_path, "schema.prisma", "".join(models)) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('models.ForeignKey(Customer, models.CASCADE, db_constraint=False, db_column="buyer")', [OF_ORDER]),
        ('ForeignKey("shop.Customer", CASCADE, db_column="buyer")', [OF_ORDER]),
        ('models.OneToOneField(to="Customer", db_column="buyer")', [OF_ORDER]),
        ('models.ForeignKey(User, models.CASCADE, db_column="buyer")', [("shop_order", "buyer", ("auth_user", "id"))]),
        ('models.ForeignKey("self", models.CASCADE)', [("shop_order", "first_id", ("shop_order", "id"))]),
        ('models.ForeignKey(Customer, models.CASCADE, to_field="name", db_column="buyer")', []),
        ('models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_column="buyer")', []),
        ("models.ForeignKey(Customer, models.CASCADE, db_column=COLUMN)", []),
        ("models.IntegerField(Customer)", []),
    ],
)
def test_foreign_key_of_django_names_its_model(tmp_path: Path, field: str, expected: list[Related]) -> None:
    """The folder of the module is the app, after which tables are named."""
    text = (
        "from django.contrib.auth.models import User\nfrom django.db import models\n"
        f"class Customer(models.Model):\n    pass\nclass Order(models.Model):\n    first = {field}\n"
    )

    assert related(tmp_path, "shop/models.py", text) == expected


def test_model_of_django_can_name_its_table(tmp_path: Path) -> None:
    """The table of a model outside of an app is not known."""
    column = "written = ForeignKey(Q, db_column='written')"
    text = f"import django\nclass P(Model):\n    {{}}\n    {column}\nclass Q(Model):\n    {{}}\n"
    meta = "class Meta: db_table = '{}'"

    assert related(tmp_path, "tables.py", text.format(meta.format("blog_posts"), meta.format("users"))) == [WRITTEN]
    assert related(tmp_path, "tables.py", text.format("pass", meta.format("users"))) == []


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("a.js", 'knex("users").join("blog_posts", "users.id", "blog_posts.written")', [WRITTEN]),
        ("a.ts", "db('blog_posts as p').leftJoin('users as u', 'u.id', '=', 'p.written')", [WRITTEN]),
        ("a.php", "DB::table('users')->join('blog_posts', 'users.id', '=', 'blog_posts.written')", [WRITTEN]),
        ("a.js", 'knex("users").join("blog_posts", "users.id", ">", "blog_posts.written")', []),
        ("a.js", 'knex("users").join("blog_posts", "users.name", "blog_posts.written")', []),
        ("a.js", 'q("tbl_notes as p"); q("blog_posts as p").join("users", "users.id", "p.written")', []),
        ("a.js", 'path.join("users", "users.id", "blog_posts.written", x)', []),
        ("a.txt", 'knex("users").join("blog_posts", "users.id", "blog_posts.written")', []),
    ],
)
def test_join_of_a_builder_names_columns(tmp_path: Path, file: str, text: str, expected: list[Related]) -> None:
    """An alias of two tables tells nothing."""
    assert related(tmp_path, file, text) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("q.join(User, BlogPost.written == User.id)", [WRITTEN]),
        ("q.outerjoin(BlogPost, User.id == BlogPost.written)", [WRITTEN]),
        ('posts = relationship("BlogPost", primaryjoin="User.id == foreign(BlogPost.written)")', [WRITTEN]),
        ("posts = relationship(BlogPost, primaryjoin=User.id == remote(BlogPost.written))", [WRITTEN]),
        ("q.join(Text, Text.about == User.id)", [("tbl_notes", "about", USERS)]),
        ("q.join(User, BlogPost.written > User.id)", []),
        ("q.join(User, BlogPost.written == User.name)", []),
        ("User = aliased(Other); q.join(User, BlogPost.written == User.id)", []),
        ("q.join(Person, BlogPost.written == Person.id)", []),
        ("print(BlogPost.written == User.id)", []),
    ],
)
def test_join_of_sqlalchemy_compares_two_models(tmp_path: Path, code: str, expected: list[Related]) -> None:
    """A model is named like its table, or names it."""
    text = f"import sqlalchemy\nclass Text(Base):\n    __tablename__ = 'tbl_notes'\n{code}\n"

    assert related(tmp_path, "a.py", text) == expected


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("A.kt", "{E} val user: User, {R} val posts: List<BlogPost>", [WRITTEN]),
        ("A.kt", "{E} val post: BlogPost, {S} val user: User?", [WRITTEN]),
        ("A.java", "{E} public User user; {R} public List<BlogPost> posts;", [WRITTEN]),
        ("A.kt", "{E} val user: User, {R} val posts: List<Other>", []),
        ("A.kt", "{E} val user: User, {E} val tag: Tag, {R} val posts: List<BlogPost>", []),
        ("A.kt", "val user: User, {R} val posts: List<BlogPost>", []),
        ("A.kt", "{E} val user: User, {T} val posts: List<BlogPost>", []),
    ],
)
def test_relation_of_room_names_both_columns(tmp_path: Path, file: str, text: str, expected: list[Related]) -> None:
    """The types of both fields are the entities."""
    relation = '@Relation(parentColumn = "id", entityColumn = "written"{})'
    back = '@Relation(parentColumn = "written", entityColumn = "id")'
    over = relation.format(", associateBy = Junction")
    fields = text.format(E="@Embedded", R=relation.format(""), S=back, T=over)

    assert related(tmp_path, file, f"data class Any({fields})\nclass Other") == expected


def test_place_of_a_relation_is_its_line(tmp_path: Path) -> None:
    """SQL that compares the same columns elsewhere has no condition for it."""
    write(tmp_path, "b.sql", "SELECT 1 FROM blog_posts p JOIN users u ON u.id = p.written WHERE p.kind = 2")
    write(tmp_path, "user.rb", post("has_many :blog_posts,\n    foreign_key: :written", "User"))
    with closing(sqlite3.connect(":memory:")) as con:
        con.executescript(SHOP)
        [key] = read_code_joins(ScanScope(tmp_path, ["user.rb", "b.sql"], [])).keys_in(read_schema(con))
        [alone] = read_code_joins(ScanScope(tmp_path, ["user.rb"], [])).keys_in(read_schema(con))

    assert (key.conditions, alone.place) == (frozenset(), "user.rb:2")
