using System.Collections.Concurrent;
using System.Text.Json;
using JitGrains.Json;

namespace JitGrains.Gateway.Quickstart;

/// <summary>
/// The quickstart's upstream: orders with real state in memory, so that one sees that a refund happened, and once. It knows
/// nothing of the gateway. Thread-safe.
/// </summary>
internal sealed class SampleOrders
{
    private readonly ConcurrentDictionary<string, Order> orders = new(
        new[]
        {
            new Order("41", "espresso machine", 349.00m),
            new Order("42", "coffee grinder", 129.00m),
            new Order("43", "pour-over set", 54.90m),
            new Order("44", "travel kettle", 39.50m),
            new Order("45", "milk frother", 27.00m),
            new Order("46", "filter papers", 6.80m),
        }.Select(o => KeyValuePair.Create(o.Id, o)),
        StringComparer.Ordinal);

    private int refunds;

    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/orders", () => Json(new { orders = orders.Values.OrderBy(o => o.Id, StringComparer.Ordinal) })).ExcludeFromDescription();
        endpoints.MapGet("/orders/{id}", (string id) => orders.TryGetValue(id, out var order) ? Json(order) : Missing()).ExcludeFromDescription();
        endpoints.MapDelete("/orders/{id}", (string id) => orders.TryRemove(id, out _) ? Results.NoContent() : Missing()).ExcludeFromDescription();
        endpoints.MapPost("/orders/{id}/refunds", Refund).ExcludeFromDescription();
    }

    private async Task<IResult> Refund(string id, HttpRequest request)
    {
        decimal? amount = null;
        try
        {
            using var body = await JsonDocument.ParseAsync(request.Body, cancellationToken: request.HttpContext.RequestAborted);
            if (body.RootElement.ValueKind == JsonValueKind.Object && body.RootElement.TryGetProperty("amount", out var given) && given.TryGetDecimal(out var value) && value > 0)
                amount = value;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Answered below.
        }

        if (amount is null)
            return Json(new { error = "send {\"amount\": 25}" }, StatusCodes.Status400BadRequest);
        var refund = new Refund($"refund-{Interlocked.Increment(ref refunds)}", amount.Value);
        while (orders.TryGetValue(id, out var order))
        {
            if (orders.TryUpdate(id, order with { Refunds = [.. order.Refunds, refund] }, order))
                return Json(new { order = id, refund = refund.Id, refund.Amount, refunds = order.Refunds.Count + 1 }, StatusCodes.Status201Created);
        }

        return Missing();
    }

    private static IResult Missing() => Json(new { error = "no such order" }, StatusCodes.Status404NotFound);

    private static IResult Json(object value, int status = StatusCodes.Status200OK) => Results.Json(value, JitJson.Options, statusCode: status);

    private sealed record Order(string Id, string Item, decimal Total)
    {
        public IReadOnlyList<Refund> Refunds { get; init; } = [];
    }
}

/// <summary>A refund as recorded.</summary>
internal sealed record Refund(string Id, decimal Amount);
