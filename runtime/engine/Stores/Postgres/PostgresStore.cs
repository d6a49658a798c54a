using JitGrains.Outbox;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>The store in a PostgreSQL database that any number of processes share. Thread-safe.</summary>
internal sealed partial class PostgresStore : IGrainStore, IStoreHealth, IDisposable
{
    private const string ReminderColumns = "registration, type, key, name, first_due, due, period";

    private readonly GrainEngineOptions options;
    private readonly TimeProvider time;
    private readonly PostgresConnections connections;
    private readonly PostgresOpening opening;
    private readonly PostgresEpoch epoch;
    private readonly EngineTelemetry telemetry;
    private readonly PostgresBus? bus;
    private readonly KnownKeys known = new();
    private readonly WrittenDocuments documents;

    public PostgresStore(GrainEngineOptions options, TimeProvider time, PostgresConnections connections, PostgresOpening opening, PostgresEpoch epoch, EngineTelemetry telemetry, PostgresBus? bus = null)
    {
        (this.options, this.time, this.connections, this.opening, this.epoch, this.telemetry, this.bus) = (options, time, connections, opening, epoch, telemetry, bus);
        // Where calls are to be copied, so is state.
        gathering = new TurnGathering(TimeProvider.System, BeginNextBatch);
        documents = new WrittenDocuments(options.RoundTripCalls ? 0 : options.KeptDocuments);
        epoch.Changed += (_, _) => known.Clear();
    }

    public bool IsShared => true;

    public StoreHealth Current => connections.Health;

    public void Dispose() => gathering.Dispose();

    public async Task<StoreHealth> CheckAsync(CancellationToken cancellationToken = default)
    {
        if (connections.Health.IsHealthy)
            return connections.Health;
        try
        {
            await connections.ExecuteAsync("WITH trial_row AS (INSERT INTO trial (data) VALUES ('x')) DELETE FROM trial", cancellationToken);
        }
        catch (StoreUnavailableException)
        {
            // Noted already.
        }

        return connections.Health;
    }

    public async Task<ITurnSession> BeginTurnAsync(GrainId grain, bool readOnly, CancellationToken cancellationToken)
    {
        await opening.OpenAsync(cancellationToken);
        for (var again = true; ; again = false)
        {
            try
            {
                return readOnly
                    ? await ReadAsync(grain, cancellationToken)
                    : await JoinBatchAsync(grain) ?? await LockAsync(grain, cancellationToken);
            }
            catch (Exception e) when (again && PostgresErrors.IsOutage(e) && e is not TimeoutException && e.InnerException is not TimeoutException)
            {
                // A pooled connection that the server has closed; nothing was written yet.
            }
            catch (Exception e)
            {
                throw connections.Failed(e);
            }
        }
    }

    public async Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken) =>
        options.UseDatabaseClock
            ? await OneAsync("SELECT clock_timestamp()", r => r.GetFieldValue<DateTimeOffset>(0), cancellationToken)
            : time.GetUtcNow();

    internal async Task<List<T>> AllAsync<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken, params object[] parameters)
    {
        await opening.OpenAsync(cancellationToken);
        return await connections.AllAsync(sql, read, cancellationToken, parameters);
    }

    private async Task<T?> OneAsync<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken, params object[] parameters)
    {
        await opening.OpenAsync(cancellationToken);
        return await connections.OneAsync(sql, read, cancellationToken, parameters);
    }

    private async Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await opening.OpenAsync(cancellationToken);
        return await connections.ExecuteAsync(sql, cancellationToken, parameters);
    }
}
