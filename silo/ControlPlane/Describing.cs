using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.ControlPlane;

/// <summary>Query parameters of an endpoint, for the OpenAPI document: they are read by <see cref="QueryFields"/>.</summary>
internal sealed record QueryParameters(string[] Names);

/// <summary>What the OpenAPI document says of an endpoint.</summary>
internal static class Describing
{
    public static RouteHandlerBuilder WithQuery(this RouteHandlerBuilder endpoint, params string[] names) => endpoint.WithMetadata(new QueryParameters(names));

    public static RouteHandlerBuilder Takes<T>(this RouteHandlerBuilder endpoint, bool optional = false)
        where T : notnull =>
        endpoint.Accepts<T>(optional, "application/json");

    public static RouteHandlerBuilder Answers<T>(this RouteHandlerBuilder endpoint, int status = StatusCodes.Status200OK) => endpoint.Produces<T>(status, "application/json");
}
