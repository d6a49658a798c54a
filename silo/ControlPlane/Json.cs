using System.Text.Json;
using JitGrains.Json;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.ControlPlane;

/// <summary>JSON answers by <see cref="JitJson.Options"/>.</summary>
internal static class Json
{
    public static IResult Ok<T>(T value) => Results.Json(value, JitJson.Options);
}
