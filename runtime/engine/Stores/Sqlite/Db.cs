using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace JitGrains.Runtime.Engine;

/// <summary>One connection with its prepared statements. Parameters are <c>$1</c>, <c>$2</c>... Not thread-safe.</summary>
internal sealed class Db : IDisposable
{
    private readonly SqliteConnection connection;
    private readonly Dictionary<string, SqliteCommand> statements = new(StringComparer.Ordinal);

    private Db(SqliteConnection open) => connection = open;

    /// <summary>Whether a transaction is open.</summary>
    public bool InTransaction => raw.sqlite3_get_autocommit(connection.Handle) == 0;

    /// <summary>Opens an existing database file, for reading only or for the one writer.</summary>
    public static Db Open(string path, bool writer)
    {
        var open = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWrite,
            Pooling = false,
            DefaultTimeout = 5,
        }.ToString());
        try
        {
            open.Open();
            var db = new Db(open);
            db.Execute("PRAGMA busy_timeout = 5000");
            db.Execute("PRAGMA foreign_keys = ON");
            db.Execute("PRAGMA trusted_schema = OFF");
            if (writer)
            {
                // A commit is on the disk when it returns; readers never wait for it.
                if (db.One("PRAGMA journal_mode = WAL", r => r.GetString(0)) != "wal")
                    throw new StoreOpenException($"The database {path} cannot keep a write-ahead log; put it on a local file system.");
                db.Execute("PRAGMA synchronous = FULL");
                // 32 MB of log between checkpoints: a page that is written over and over goes into the file once.
                db.Execute("PRAGMA wal_autocheckpoint = 8000");
                db.Execute("PRAGMA journal_size_limit = 67108864");
            }
            else
            {
                db.Execute("PRAGMA query_only = ON");
            }

            return db;
        }
        catch
        {
            open.Dispose();
            throw;
        }
    }

    /// <summary>Runs a statement; returns the number of rows changed.</summary>
    public int Execute(string sql, params ReadOnlySpan<object?> parameters) => Prepare(sql, parameters).ExecuteNonQuery();

    /// <summary>Runs statements that are used once.</summary>
    public void ExecuteScript(string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>The first row, or the type's default.</summary>
    public T? One<T>(string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<object?> parameters)
    {
        using var reader = Prepare(sql, parameters).ExecuteReader();
        return reader.Read() ? read(reader) : default;
    }

    /// <summary>All rows.</summary>
    public List<T> All<T>(string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<object?> parameters)
    {
        using var reader = Prepare(sql, parameters).ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
            rows.Add(read(reader));
        return rows;
    }

    public void Dispose()
    {
        foreach (var statement in statements.Values)
            statement.Dispose();
        connection.Dispose();
    }

    private SqliteCommand Prepare(string sql, ReadOnlySpan<object?> parameters)
    {
        if (!statements.TryGetValue(sql, out var command))
        {
            command = connection.CreateCommand();
#pragma warning disable CA2100 // Callers pass texts of their own; values are parameters.
            command.CommandText = sql;
#pragma warning restore CA2100
            for (var i = 0; i < parameters.Length; i++)
                command.Parameters.Add(new SqliteParameter { ParameterName = $"${i + 1}" });
            statements.Add(sql, command);
        }

        for (var i = 0; i < parameters.Length; i++)
            command.Parameters[i].Value = parameters[i] ?? DBNull.Value;
        return command;
    }
}
