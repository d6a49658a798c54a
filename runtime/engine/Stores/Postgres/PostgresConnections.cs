using System.Globalization;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// The pool of connections to the database, and what every use of it shares: settings, translated failures, health.
/// No connection keeps anything between transactions, so a transaction-pooling proxy may be in between. Thread-safe.
/// </summary>
internal sealed class PostgresConnections : IAsyncDisposable
{
    private readonly NpgsqlDataSource pool;

    public PostgresConnections(GrainEngineOptions options)
    {
        // Behind a pooler nothing can be set for a session, so each transaction begins by setting it.
        Settings = options.DatabaseBehindPooler
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"SELECT set_config('lock_timeout', '{Ms(options.DatabaseLockTimeout)}', true), set_config('statement_timeout', '{Ms(options.DatabaseStatementTimeout)}', true), set_config('idle_in_transaction_session_timeout', '{Ms(options.DatabaseIdleTimeout)}', true)")
            : null;
        pool = Build(options.Database!, options, options.DatabaseConnections);
    }

    /// <summary>The statement that must come first in each transaction, or null where the sessions are set up already.</summary>
    public string? Settings { get; }

    /// <summary>How the last use went.</summary>
    public StoreHealth Health { get => Volatile.Read(ref field); private set => Volatile.Write(ref field, value); } = StoreHealth.Good;

    /// <summary>Whether it can be one: what it names is not looked at.</summary>
    public static bool IsConnectionString(string text)
    {
        try
        {
            return !string.IsNullOrEmpty(new NpgsqlConnectionStringBuilder(text).Host);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException)
        {
            return false;
        }
    }

    /// <summary>A pool with this product's settings.</summary>
    public static NpgsqlDataSource Build(string database, GrainEngineOptions options, int connections)
    {
        var builder = new NpgsqlDataSourceBuilder(database);
        var text = builder.ConnectionStringBuilder;
        text.MaxPoolSize = connections;
        text.MinPoolSize = 0;
        text.Timeout = Math.Max(1, (int)Math.Ceiling(options.DatabaseConnectTimeout.TotalSeconds));
        // Later than the server's own, so that it speaks up only where the server does not answer at all.
        text.CommandTimeout = (int)Math.Ceiling(options.DatabaseStatementTimeout.TotalSeconds) + 2;
        text.CancellationTimeout = 500;
        // A turn leaves nothing in its session; an open transaction is rolled back all the same.
        text.NoResetOnClose = true;
        text.Enlist = false;
        text.IncludeErrorDetail = false;
        text.ApplicationName ??= "jitgrains";
        if (!options.DatabaseBehindPooler)
        {
            text.MaxAutoPrepare = 100;
            text.AutoPrepareMinUsages = 2;
            text.Options = string.Create(
                CultureInfo.InvariantCulture,
                $"{text.Options} -c lock_timeout={Ms(options.DatabaseLockTimeout)} -c statement_timeout={Ms(options.DatabaseStatementTimeout)} -c idle_in_transaction_session_timeout={Ms(options.DatabaseIdleTimeout)}").Trim();
        }

        // Of several servers, the one that takes writes: what is read must be what was written.
        return text.Host?.Contains(',', StringComparison.Ordinal) == true
            ? builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.ReadWrite)
            : builder.Build();
    }

    /// <summary>
    /// Runs work on a connection. What only reads may be tried once more where the connection turns out to be dead, as all
    /// pooled ones are after a restart of the server.
    /// </summary>
    public async Task<T> UseAsync<T>(Func<NpgsqlConnection, Task<T>> work, bool again, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await using var connection = await pool.OpenConnectionAsync(cancellationToken);
                var result = await work(connection);
                Succeeded();
                return result;
            }
            catch (Exception e) when (again && PostgresErrors.IsOutage(e) && e is not TimeoutException && e.InnerException is not TimeoutException)
            {
                again = false;
            }
            catch (Exception e)
            {
                throw Failed(e);
            }
        }
    }

    /// <summary>A connection of one's own, to be disposed of; failures on it are to be passed to <see cref="Failed"/>.</summary>
    public ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) => pool.OpenConnectionAsync(cancellationToken);

    /// <summary>Gives a connection back; what it has not committed is rolled back. Never throws.</summary>
    public async Task CloseAsync(NpgsqlConnection connection)
    {
        try
        {
            await connection.DisposeAsync();
        }
        catch (Exception e)
        {
            // A connection that is lost has lost its transaction, and with it the locks.
            Failed(e);
        }
    }

    /// <summary>All rows.</summary>
    public Task<List<T>> AllAsync<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken, params object[] parameters) =>
        UseAsync(
            async connection =>
            {
                await using var command = Command(connection, sql, parameters);
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                var rows = new List<T>();
                while (await reader.ReadAsync(cancellationToken))
                    rows.Add(read(reader));
                return rows;
            },
            again: true,
            cancellationToken);

    /// <summary>The first row, or the type's default.</summary>
    public async Task<T?> OneAsync<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken, params object[] parameters) =>
        (await AllAsync(sql, read, cancellationToken, parameters)).FirstOrDefault();

    /// <summary>Runs a statement in a transaction of its own; returns the number of rows changed.</summary>
    public Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken, params object[] parameters) =>
        UseAsync(
            async connection =>
            {
                await using var command = Command(connection, sql, parameters);
                return await command.ExecuteNonQueryAsync(cancellationToken);
            },
            again: false,
            cancellationToken);

    /// <summary>The database did what was asked.</summary>
    public void Succeeded()
    {
        if (!Health.IsHealthy)
            Health = StoreHealth.Good;
    }

    /// <summary>Takes note of a failure; returns what to throw.</summary>
    public Exception Failed(Exception e)
    {
        if (PostgresErrors.IsOutage(e))
            Health = new StoreHealth(false, e.Message);
        return PostgresErrors.Translate(e);
    }

    public ValueTask DisposeAsync() => pool.DisposeAsync();

    /// <summary>A statement with its parameters, <c>$1</c>, <c>$2</c>...</summary>
    public static NpgsqlBatchCommand Statement(string sql, params ReadOnlySpan<object> parameters)
    {
#pragma warning disable CA2100 // Callers pass texts of their own; values are parameters.
        var statement = new NpgsqlBatchCommand(sql);
#pragma warning restore CA2100
        foreach (var value in parameters)
            statement.Parameters.Add(Parameter(value));
        return statement;
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object[] parameters)
    {
#pragma warning disable CA2100 // Callers pass texts of their own; values are parameters.
        var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in parameters)
            command.Parameters.Add(Parameter(value));
        return command;
    }

    // Where the type is known, nothing has to be found out about the value.
    private static NpgsqlParameter Parameter(object value) => value switch
    {
        string text => new NpgsqlParameter<string> { TypedValue = text },
        long number => new NpgsqlParameter<long> { TypedValue = number },
        _ => new NpgsqlParameter { Value = value },
    };

    private static long Ms(TimeSpan time) => (long)Math.Ceiling(time.TotalMilliseconds);
}
