"""fastapi-users as its documentation sets it up, on Postgres: `uvicorn app:app`, or `python app.py` to add the accounts.

The environment says where: PGHOST, PGUSER and PGDATABASE, which asyncpg reads. ACCOUNTS and PASSWORD are the accounts'.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users.password import PasswordHelper
from pwdlib import PasswordHash
from pwdlib.hashers.bcrypt import BcryptHasher
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

SECRET = "of-a-benchmark-that-is-gone-in-a-few-minutes"
passwords = PasswordHelper(PasswordHash((BcryptHasher(rounds=12),)))
engine = create_async_engine("postgresql+asyncpg://", pool_size=20)
new_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = verification_token_secret = SECRET


async def a_session() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


async def users_of(session: Annotated[AsyncSession, Depends(a_session)]) -> AsyncIterator[SQLAlchemyUserDatabase]:
    yield SQLAlchemyUserDatabase(session, User)


async def manager(users: Annotated[SQLAlchemyUserDatabase, Depends(users_of)]) -> AsyncIterator[UserManager]:
    yield UserManager(users, passwords)


def strategy() -> JWTStrategy[User, uuid.UUID]:
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


backend = AuthenticationBackend("jwt", transport=BearerTransport(tokenUrl="login"), get_strategy=strategy)
accounts = FastAPIUsers[User, uuid.UUID](manager, [backend])
app = FastAPI()
app.include_router(accounts.get_auth_router(backend))
app.include_router(accounts.get_users_router(schemas.BaseUser[uuid.UUID], schemas.BaseUserUpdate), prefix="/users")


@app.get("/readyz")
async def readyz() -> str:
    return "ready"


async def prepare(count: int, password: str) -> None:
    hashed = passwords.hash(password)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with new_session() as session, session.begin():
        session.add_all(User(email=f"bench-{number}@example.com", hashed_password=hashed) for number in range(count))


if __name__ == "__main__":
    asyncio.run(prepare(int(os.environ["ACCOUNTS"]), os.environ["PASSWORD"]))
